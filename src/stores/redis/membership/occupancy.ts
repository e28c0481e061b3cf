import type { ChannelRef } from '../../../core/ports/channel-ref.ts';
import type { Occupancy } from '../../../core/ports/membership.ts';
import type { ChannelKeys, Keys } from '../keys.ts';
import { orUnavailable } from '../link/errors.ts';
import type { Links } from '../link/links.ts';
import { repairKeys, withRepair, runScript } from '../link/scripts.ts';

interface OccupancyDeps {
  readonly links: Links;
  readonly keys: Keys;
}

/** Counts subscriptions, users and nodes of a channel in the whole cluster. Rejects with `Unavailable`. */
export async function occupancyOf({ links, keys }: OccupancyDeps, ref: ChannelRef): Promise<Occupancy> {
  const { counts, members } = keys.channel(ref);
  const read = () => Promise.all([links.commands.hvals(counts), links.commands.hlen(members)]);
  const [sockets, users] = await orUnavailable(
    withRepair(links.commands, [counts, members], ['numbers', 'hash'], read),
  );
  const valid = sockets.filter((count) => /^\d{1,15}$/.test(count));
  if (valid.length < sockets.length) void repairCounts(links, keys.channel(ref));
  return { subscriptions: sum(valid), users, nodes: sockets.length };
}

/** Lists the occupied channels of an app whose names begin with `prefix`. Rejects with `Unavailable`. */
export async function occupiedChannels(
  { links, keys }: OccupancyDeps,
  app: string,
  prefix: string,
): Promise<ReadonlyMap<string, Occupancy>> {
  const channelKeyPrefix = keys.channelKeyPrefix(app);
  const read = (partition: number): Promise<unknown> =>
    runScript(
      links.commands,
      'occupied-channels',
      [keys.occupied(partition, app)],
      [keys.channelPrefix(partition) + channelKeyPrefix, prefix],
    );
  const answers = await Promise.all(
    Array.from({ length: keys.partitions }, (_, partition) => read(partition)),
  );
  const found = new Map<string, Occupancy>();
  for (const answer of answers as (readonly string[])[]) {
    for (let at = 0; at + 4 < answer.length; at += 5) {
      const [channel = '', subscriptions, users, nodes, isValid] = answer.slice(at, at + 5);
      if (isValid === '0') void repairCounts(links, keys.channel({ app, channel }));
      found.set(channel, {
        subscriptions: Number(subscriptions),
        users: Number(users),
        nodes: Number(nodes),
      });
    }
  }
  return found;
}

/** Never rejects: the next reading tries again. */
const repairCounts = ({ commands }: Links, { counts, members }: ChannelKeys): Promise<unknown> =>
  repairKeys(commands, [counts, members], ['numbers', 'hash']).catch(() => undefined);

const sum = (counts: readonly string[]): number => counts.reduce((total, count) => total + Number(count), 0);
