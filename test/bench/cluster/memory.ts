/** Memory of Redis for an occupied channel, for a member, and for a channel with a history of ten events. */
import type { Redis } from 'ioredis';
import { publisher } from '../../support/wire-http.ts';
import { eventually } from '../../support/wire.ts';
import { subscribeAll, type Figure, LightClient, BenchCluster } from './bench-cluster.ts';

export interface Sizes {
  readonly channels: number;
}

const EVENTS = 10;
const CHANNELS_PER_REQUEST = 100;
const NAME_LENGTH = 40;
const DATA_LENGTH = 120;

interface RedisMemory {
  readonly used: number;
  readonly keys: number;
}

export async function memory({ channels }: Sizes): Promise<Figure[]> {
  const cluster = await BenchCluster.open(1);
  try {
    return [
      ...(await cluster.withRedis((redis) => occupied(cluster, redis, channels))),
      ...(await cluster.withRedis((redis) => members(cluster, redis, channels))),
      ...(await cluster.withRedis((redis) => withHistory(cluster, redis, channels))),
    ];
  } finally {
    await cluster.close();
  }
}

/** Reads the memory that Redis uses and the part of its keys; the rest are subscriptions and buffers. */
async function readMemory(redis: Redis): Promise<RedisMemory> {
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

function figures(name: string, count: number, before: RedisMemory, after: RedisMemory): Figure[] {
  const unit = 'bytes';
  return [
    { name: `memory: ${name}, keys`, value: (after.keys - before.keys) / count, unit },
    { name: `memory: ${name}, all of Redis`, value: (after.used - before.used) / count, unit },
  ];
}

async function occupied(cluster: BenchCluster, redis: Redis, count: number): Promise<Figure[]> {
  const before = await readMemory(redis);
  const channels = Array.from({ length: count }, (_, at) => named('occupied', at));
  const client = new LightClient('user', cluster.endpoint(0), channels);
  await client.subscribe();
  const found = figures('one occupied channel', count, before, await readMemory(redis));
  client.close();
  await waitUntilEmpty(redis);
  return found;
}

/** As many members as `occupied` has channels, at most 100 on each presence channel. */
async function members(cluster: BenchCluster, redis: Redis, count: number): Promise<Figure[]> {
  const perChannel = Math.min(100, count);
  const channels = Array.from({ length: Math.ceil(count / perChannel) }, (_, at) =>
    named('presence-room', at),
  );
  const clients = Array.from({ length: perChannel }, (_, at) => {
    const user = `user-${at}-`.padEnd(DATA_LENGTH / 2 - 20, 'u');
    return new LightClient(user, cluster.endpoint(0), channels);
  });
  // The first one occupies the channels.
  await subscribeAll(clients.slice(0, 1));
  const before = await readMemory(redis);
  await subscribeAll(clients.slice(1), 1);
  const found = figures(
    'one more member',
    channels.length * (perChannel - 1),
    before,
    await readMemory(redis),
  );
  for (const client of clients) client.close();
  await waitUntilEmpty(redis);
  return found;
}

async function withHistory(cluster: BenchCluster, redis: Redis, count: number): Promise<Figure[]> {
  const { post } = publisher(cluster.endpoint(0));
  const before = await readMemory(redis);
  for (let at = 0; at < count; at += CHANNELS_PER_REQUEST) {
    const channels = Array.from({ length: Math.min(CHANNELS_PER_REQUEST, count - at) }, (_, next) =>
      named('kept', at + next),
    );
    for (let event = 0; event < EVENTS; event += 1) {
      const { status } = await post('/events', {
        name: 'kept',
        channels,
        data: 'd'.repeat(DATA_LENGTH),
      });
      if (status !== 200) throw new Error(`An event was answered with ${status}.`);
    }
  }
  return figures(
    `one channel with ${EVENTS} events of ${DATA_LENGTH} bytes`,
    count,
    before,
    await readMemory(redis),
  );
}

const waitUntilEmpty = (redis: Redis): Promise<void> =>
  eventually(async () => !(await redis.keys('*:c:*')).length, 'Redis has no occupied channel', 30_000);
