/** Memory of Redis for an occupied channel, a member, and a channel with ten events of history. */
import type { Redis } from 'ioredis';
import { publisher } from '../../support/wire-http.ts';
import { eventually } from '../../support/wire.ts';
import { subscribeAll, type Figure, LightClient, BenchCluster } from './bench-cluster.ts';

export interface Sizes {
  readonly channels: number;
}

const EVENTS = 10;
const AT_ONCE = 100;
const NAME_LENGTH = 40;
const DATA_LENGTH = 120;

interface Held {
  readonly used: number;
  readonly keys: number;
}

export async function memory({ channels }: Sizes): Promise<Figure[]> {
  const site = await BenchCluster.open(1);
  try {
    return [
      ...(await site.ask((redis) => occupied(site, redis, channels))),
      ...(await site.ask((redis) => members(site, redis, channels))),
      ...(await site.ask((redis) => remembered(site, redis, channels))),
    ];
  } finally {
    await site.close();
  }
}

/** All that Redis uses, and what of it its keys do: the rest are subscriptions and buffers. */
async function held(redis: Redis): Promise<Held> {
  const used = Number(/used_memory:(\d+)/.exec(await redis.info('memory'))?.[1]);
  let [keys, cursor] = [0, '0'];
  do {
    const [next, found] = await redis.scan(cursor, 'COUNT', 1000);
    cursor = next;
    const pipeline = redis.pipeline();
    for (const key of found) pipeline.memory('USAGE', key, 'SAMPLES', 0);
    for (const [, bytes] of (await pipeline.exec()) ?? []) keys += Number(bytes);
  } while (cursor !== '0');
  return { used, keys };
}

const named = (kind: string, at: number): string => `${kind}.${at}.`.padEnd(NAME_LENGTH, 'x');

function figures(name: string, count: number, before: Held, after: Held): Figure[] {
  const unit = 'bytes';
  return [
    { name: `memory: ${name}, keys`, value: (after.keys - before.keys) / count, unit },
    { name: `memory: ${name}, all of Redis`, value: (after.used - before.used) / count, unit },
  ];
}

async function occupied(site: BenchCluster, redis: Redis, count: number): Promise<Figure[]> {
  const before = await held(redis);
  const channels = Array.from({ length: count }, (_, at) => named('occupied', at));
  const client = new LightClient('somebody', site.endpoint(0), channels);
  await client.subscribe();
  const found = figures('one occupied channel', count, before, await held(redis));
  client.close();
  await emptied(redis);
  return found;
}

/** As many members as channels above, a hundred on each presence channel at most. */
async function members(site: BenchCluster, redis: Redis, count: number): Promise<Figure[]> {
  const perRoom = Math.min(100, count);
  const rooms = Array.from({ length: Math.ceil(count / perRoom) }, (_, at) => named('presence-room', at));
  const clients = Array.from({ length: perRoom }, (_, at) => {
    const user = `user-${at}-`.padEnd(DATA_LENGTH / 2 - 20, 'u');
    return new LightClient(user, site.endpoint(0), rooms);
  });
  // The first one occupies the channels.
  await subscribeAll(clients.slice(0, 1));
  const before = await held(redis);
  await subscribeAll(clients.slice(1), 1);
  const found = figures('one member more', rooms.length * (perRoom - 1), before, await held(redis));
  for (const client of clients) client.close();
  await emptied(redis);
  return found;
}

async function remembered(site: BenchCluster, redis: Redis, count: number): Promise<Figure[]> {
  const { post } = publisher(site.endpoint(0));
  const before = await held(redis);
  for (let at = 0; at < count; at += AT_ONCE) {
    const some = Array.from({ length: Math.min(AT_ONCE, count - at) }, (_, next) => named('kept', at + next));
    for (let event = 0; event < EVENTS; event += 1) {
      const { status } = await post('/events', {
        name: 'kept',
        channels: some,
        data: 'd'.repeat(DATA_LENGTH),
      });
      if (status !== 200) throw new Error(`An event was answered with ${status}.`);
    }
  }
  return figures(
    `one channel with ${EVENTS} events of ${DATA_LENGTH} bytes`,
    count,
    before,
    await held(redis),
  );
}

const emptied = (redis: Redis): Promise<void> =>
  eventually(async () => !(await redis.keys('*:c:*')).length, 'everybody is gone from Redis', 30_000);
