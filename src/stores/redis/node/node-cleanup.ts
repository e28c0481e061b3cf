import type { Keys } from '../keys.ts';
import type { Links } from '../link/links.ts';
import { KEY_REPAIRED, runScript } from '../link/scripts.ts';

/** Channels and users that one call of the script removes at most, so that it never blocks Redis for long. */
const REMOVED_PER_CALL = 200;

type CleanUpAnswer = [
  status: string,
  left: number,
  changes?: readonly string[],
  repaired?: readonly string[],
];

/** Members and channels that this process removed of a node: users that were on no other node, and the channels that they were on. */
export interface RemovedMembers {
  readonly members: number;
  readonly channels: number;
}

/**
 * Removes what a node held in a partition, and publishes that its members left; several nodes may do it at once. `leave`: the
 * node itself does. `undefined` when the node is alive, or when the partition is settling.
 */
export async function cleanUpNode(
  { links, keys }: { readonly links: Links; readonly keys: Keys },
  partition: number,
  node: string,
  reason: 'expired' | 'leave',
): Promise<RemovedMembers | undefined> {
  const names = [
    keys.generation(partition),
    keys.nodes(partition),
    keys.index(partition, node),
    keys.outboxRegistry(partition),
  ];
  const args = [
    node,
    REMOVED_PER_CALL,
    keys.channelPrefix(partition),
    keys.occupiedPrefix(partition),
    links.publishCommand,
    keys.pubsubPrefix(partition),
    reason === 'leave' ? 1 : 0,
    keys.outboxPrefix(partition),
  ];
  let members = 0;
  const channels = new Set<string>();
  for (let left = 1; left > 0;) {
    const answer = (await runScript(links.commands, 'clean-up-node', names, args)) as CleanUpAnswer;
    const [status, , changes = [], repaired = []] = answer;
    if (status !== 'OK') return undefined;
    left = answer[1];
    for (const channel of removalsIn(changes)) {
      members += 1;
      channels.add(channel);
    }
    for (const key of repaired) links.commands.emit(KEY_REPAIRED, key);
  }
  return { members, channels: channels.size };
}

/** Channel keys of the transitions `channel key, newline, -id`; an id may contain newlines, a channel may not. */
const removalsIn = (changes: readonly string[]): string[] =>
  changes.flatMap((change) => {
    const end = change.indexOf('\n');
    return change[end + 1] === '-' ? [change.slice(0, end)] : [];
  });
