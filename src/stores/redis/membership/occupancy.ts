import type { ChannelRef, Occupancy } from '../../../core/ports/cluster.ts';
import { Unavailable } from '../../../core/ports/failures.ts';
import type { ChannelKeys, Keys } from '../keys.ts';
import type { Links } from '../link/links.ts';
import { mend, mending, run } from '../link/scripts.ts';

interface Needs {
  readonly links: Links;
  readonly keys: Keys;
}

/** How many are on a channel, in the whole cluster. Rejects with `Unavailable`. */
export async function occupancyOf({ links, keys }: Needs, ref: ChannelRef): Promise<Occupancy> {
  const { counts, members } = keys.channel(ref);
  try {
    const ask = () => Promise.all([links.commands.hvals(counts), links.commands.hlen(members)]);
    const [sockets, users] = await mending(links.commands, [counts, members], ['numbers', 'hash'], ask);
    const sound = sockets.filter((count) => /^\d{1,15}$/.test(count));
    if (sound.length < sockets.length) void mendCounts(links, keys.channel(ref));
    return { subscriptions: sum(sound), users, nodes: sockets.length };
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
    for (let at = 0; at + 4 < answer.length; at += 5) {
      const [channel = '', subscriptions, users, nodes, isSound] = answer.slice(at, at + 5);
      if (isSound === '0') void mendCounts(links, keys.channel({ app, channel }));
      found.set(channel, {
        subscriptions: Number(subscriptions),
        users: Number(users),
        nodes: Number(nodes),
      });
    }
  }
  return found;
}

/** Never rejects: who asks next tries again. */
const mendCounts = ({ commands }: Links, { counts, members }: ChannelKeys): Promise<unknown> =>
  mend(commands, [counts, members], ['numbers', 'hash']).catch(() => undefined);

const sum = (counts: readonly string[]): number => counts.reduce((total, count) => total + Number(count), 0);
