import { type ChannelRef, type Occupancy, Unavailable } from '../../core/ports.ts';
import type { Keys } from './keys.ts';
import type { Links } from './links.ts';
import { run } from './scripts.ts';

interface Needs {
  readonly links: Links;
  readonly keys: Keys;
}

/** How many are on a channel, in the whole cluster. Rejects with `Unavailable`. */
export async function occupancyOf({ links, keys }: Needs, ref: ChannelRef): Promise<Occupancy> {
  const { counts, members } = keys.channel(ref);
  try {
    const [sockets, users] = await Promise.all([links.commands.hvals(counts), links.commands.hlen(members)]);
    return { subscriptions: sum(sockets), users, nodes: sockets.length };
  } catch (error) {
    throw new Unavailable('Redis is away.', { cause: error });
  }
}

/** The occupied channels of an app whose names begin with `prefix`. Rejects with `Unavailable`. */
export async function occupiedChannels(
  { links, keys }: Needs,
  app: string,
  prefix: string,
): Promise<ReadonlyMap<string, Occupancy>> {
  const row = keys.startOfRows(app);
  const ask = (partition: number): Promise<unknown> =>
    run(
      links.commands,
      'channels',
      [keys.occupied(partition, app)],
      [keys.channels(partition) + row, prefix],
    );
  const answers = await Promise.all(
    Array.from({ length: keys.partitions }, (_, partition) => ask(partition)),
  );
  const found = new Map<string, Occupancy>();
  for (const answer of answers as (readonly string[])[]) {
    for (let at = 0; at + 3 < answer.length; at += 4) {
      const [channel = '', ...counts] = answer.slice(at, at + 4);
      const [subscriptions = 0, users = 0, nodes = 0] = counts.map(Number);
      found.set(channel, { subscriptions, users, nodes });
    }
  }
  return found;
}

const sum = (counts: readonly string[]): number => counts.reduce((total, count) => total + Number(count), 0);
