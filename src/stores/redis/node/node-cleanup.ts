import type { Keys } from '../keys.ts';
import type { Links } from '../link/links.ts';
import { KEY_MENDED, run } from '../link/scripts.ts';

/** Rows and users that one call of the script may bury, so that it never holds Redis for long. */
const BURIED_AT_A_TIME = 200;

type Answer = [status: string, left: number, changes?: unknown, mended?: readonly string[]];

/**
 * Removes what a node held in a partition, with the news of it; several may do it at once. `leave`: the node itself does.
 * False when the node lives, or when nobody may conclude yet that it does not.
 */
export async function cleanUpNode(
  { links, keys }: { readonly links: Links; readonly keys: Keys },
  partition: number,
  node: string,
  reason: 'death' | 'leave',
): Promise<boolean> {
  const named = [keys.generation(partition), keys.nodes(partition), keys.index(partition, node)];
  const args = [
    node,
    BURIED_AT_A_TIME,
    keys.channels(partition),
    keys.occupiedSets(partition),
    links.publishCommand,
    keys.bus(partition),
    reason === 'leave' ? 1 : 0,
  ];
  let status = 'OK';
  for (let left = 1; status === 'OK' && left > 0;) {
    let mended: readonly string[];
    [status, left, , mended = []] = (await run(links.commands, 'bury', named, args)) as Answer;
    for (const key of mended) links.commands.emit(KEY_MENDED, key);
  }
  return status === 'OK';
}
