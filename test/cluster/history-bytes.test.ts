/** The bytes that an app may keep in Redis for its histories and last events. */
import { isDeepStrictEqual } from 'node:util';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { appAt } from '../support/app.ts';
import type { Retention } from '../../src/core/ports/events.ts';
import { Keys } from '../../src/stores/redis/keys.ts';
import type { RedisOptions } from '../../src/stores/redis/options.ts';
import { FaultProxy } from '../support/fault-proxy.ts';
import { startCluster } from '../support/redis-groups.ts';
import { startRedis, type TestRedis } from '../support/redis.ts';
import { startServer } from '../support/server.ts';
import { publisher } from '../support/wire-http.ts';
import { eventually, Wire } from '../support/wire.ts';
import { channelOf, openNode, nodeOptions } from './redis-node.ts';

let redis: TestRedis;
let admin: Redis;
beforeAll(async () => {
  redis = await startRedis();
  admin = new Redis(redis.port);
});
afterAll(async () => {
  admin.disconnect();
  await redis.close();
});

const where = (options: Partial<RedisOptions> = {}): RedisOptions =>
  nodeOptions({ port: redis.port, partitions: 1, ...options });
const KEEP: Retention = { size: 50, ttlSeconds: 60 };
const LAST: Retention = { size: 0, ttlSeconds: 0, lastSeconds: 60 };
const REFS = Array.from({ length: 10 }, (_, at) => channelOf(`cache-${at}`));

/** Accounted bytes of app `a`: histories, and last events. */
async function accounted({ keyPrefix, partitions }: RedisOptions): Promise<[number, number]> {
  const [, histories, , lasts] = new Keys(keyPrefix, partitions).channel(channelOf('any')).retention.keys;
  return [Number(await admin.hget(histories, 'all')), Number(await admin.hget(lasts, 'all'))];
}

/** Publishes one event on each of the channels; which of them is kept still. */
async function keptOf(options: RedisOptions, keep: Retention, payload = 'x') {
  const node = await openNode(options);
  for (const ref of REFS) await node.broker.publish(ref, { payload }, keep);
  const keys = new Keys(options.keyPrefix, options.partitions);
  const named = REFS.map((ref) => keys.channel(ref)[keep.size > 0 ? 'history' : 'lastEvent']);
  const isKept = await Promise.all(named.map((key) => admin.exists(key)));
  return { node, kept: isKept.map((exists) => exists === 1) };
}

test.each([
  ['histories', KEEP, 0],
  ['last events', LAST, 1],
] as const)(
  '3.13 the %s of an app are kept up to its bytes, and above them the oldest goes',
  async (_what, keep, at) => {
    const unbounded = where();
    await keptOf(unbounded, keep);
    const bytes = (await accounted(unbounded))[at];
    expect(bytes).toBeGreaterThan(0);

    const whole = await keptOf(where(), { ...keep, appBytes: 2 * bytes });
    expect(whole.kept).toEqual(REFS.map(() => true));
    expect(whole.node.count('dropped_histories_total')).toBe(0);

    const tight = await keptOf(where(), { ...keep, appBytes: 2 * bytes - 2 });
    expect(tight.kept).toEqual(REFS.map((_ref, index) => index > 0));
    expect(tight.node.count('dropped_histories_total')).toBe(1);
    expect(tight.node.logger.warnings).toMatchObject([
      {
        message: expect.stringContaining('WAVEHALL_HISTORY_MAX_BYTES') as string,
        details: { app: 'a', count: 1 },
      },
    ]);
  },
);

test('3.13 counts the bytes of UTF-8 and the overhead of Redis', async () => {
  const [ascii, umlauts] = [where(), where()];
  await keptOf(ascii, KEEP, 'u'.repeat(1000));
  await keptOf(umlauts, KEEP, 'ü'.repeat(1000));
  const [[one], [two]] = [await accounted(ascii), await accounted(umlauts)];
  // The length of each payload is one of its digits longer neither way: 1000 and 2000.
  expect(two - one).toBe(10 * 1000);
});

test('3.13 limits the bytes of each app separately', async () => {
  const options = where();
  const node = await openNode(options);
  const keys = new Keys(options.keyPrefix, 1);
  const appBytes = 6000;
  await node.broker.publish({ app: 'b', channel: 'quiet' }, { payload: 'x' }, { ...KEEP, appBytes });
  for (let at = 0; at < 50; at += 1)
    await node.broker.publish(channelOf(`loud-${at}`), { payload: 'x' }, { ...KEEP, appBytes });
  expect(await admin.exists(keys.channel({ app: 'b', channel: 'quiet' }).history)).toBe(1);
  expect((await accounted(options))[0]).toBeLessThanOrEqual(appBytes / 2);
});

test('3.13 delivers an event larger than the limit, and does not keep it', async () => {
  const options = where();
  const node = await openNode(options);
  const ref = channelOf('cache-large');
  await node.broker.subscribe(ref);
  const keep = { ...KEEP, lastSeconds: 60, appBytes: 10_000 };
  await node.broker.publish(ref, { payload: 'small' }, keep);
  expect((await node.cachedEvents.last(ref))?.payload).toBe('small');
  await node.broker.publish(ref, { payload: 'x'.repeat(5000) }, keep);
  await eventually(() => node.payloads(ref.channel).length === 2, 'both are delivered');
  const { history } = new Keys(options.keyPrefix, 1).channel(ref);
  expect(await admin.exists(history)).toBe(0);
  expect(await node.cachedEvents.last(ref)).toBeUndefined();
  for (const bytes of await accounted(options)) expect(bytes).toBeLessThanOrEqual(5000);
});

test('3.13 a single history that fills the limit loses its oldest events', async () => {
  const options = where();
  const node = await openNode(options);
  const ref = channelOf('long');
  for (let at = 0; at < 100; at += 1)
    await node.broker.publish(ref, { payload: `${at}` }, { ...KEEP, size: 1000, appBytes: 4000 });
  const { history } = new Keys(options.keyPrefix, 1).channel(ref);
  const events = await admin.lrange(history, 0, -1);
  expect(events.length).toBeGreaterThan(20);
  expect(events.length).toBeLessThan(100);
  expect(events.at(-1)).toMatch(/99$/);
  expect((await accounted(options))[0]).toBeLessThanOrEqual(2000);
});

test('3.13 expired data no longer counts', async () => {
  const options = where();
  const { node } = await keptOf(options, { ...KEEP, lastSeconds: 60 });
  const ref = channelOf('cache-x');
  await redis.pass(70);
  await redis.pass(70);
  const alone = await fresh(options);
  await eventually(async () => {
    await node.broker.publish(ref, { payload: 'x' }, { size: 1, ttlSeconds: 60, lastSeconds: 60 });
    return isDeepStrictEqual(await accounted(options), alone);
  }, 'what has expired is looked for now and then');
  await redis.pass(300);
  expect(await admin.keys(`${options.keyPrefix}*:[hl][xb]:*`)).toEqual([]);
  expect(await accounted(options)).toEqual([0, 0]);
});

/** Accounted bytes of one event on `cache-x`, where there is nothing else. */
async function fresh(like: RedisOptions): Promise<[number, number]> {
  const options = where();
  const node = await openNode(options);
  await node.broker.publish(channelOf('cache-x'), { payload: 'x' }, { ...KEEP, lastSeconds: 60 });
  expect(options.keyPrefix.length).toBe(like.keyPrefix.length);
  return accounted(options);
}

/** A node that heard `before` on a channel and is away now, until the proxy heals, and another that is not. */
async function away(options: RedisOptions, keep = KEEP) {
  const proxy = await FaultProxy.open(redis.port);
  onTestFinished(() => proxy.close());
  const [node, other] = [await openNode({ ...options, port: proxy.port }), await openNode(options)];
  const ref = channelOf('orders');
  await node.broker.subscribe(ref);
  await other.broker.publish(ref, { payload: 'before' }, keep);
  await eventually(() => node.payloads('orders').length === 1, 'the node hears the channel');
  proxy.isRefusing = true;
  proxy.cut();
  await eventually(() => !node.isReady(), 'the node is away');
  return { node, other, ref, proxy };
}

/** A node that was away while something was published on a channel and much on others. */
async function awayWhile(appBytes: number, others: number) {
  const keep = { ...KEEP, appBytes };
  const { node, other, ref, proxy } = await away(where(), keep);
  for (const payload of ['1', '2', '3']) await other.broker.publish(ref, { payload }, keep);
  for (let at = 0; at < others; at += 1)
    await other.broker.publish(channelOf(`other-${at}`), { payload: 'x'.repeat(100) }, keep);
  proxy.heal();
  await node.ready();
  await other.broker.publish(ref, { payload: 'after' }, keep);
  await eventually(() => node.payloads('orders').at(-1) === 'after', 'the channel goes on');
  return { node, other };
}

test('3.13 counts and logs events as lost when their history was dropped; the channel continues', async () => {
  const { node, other } = await awayWhile(20_000, 10);
  expect(node.payloads('orders')).toEqual(['before', 'after']);
  expect(node.count('lost_events_total')).toBe(3);
  expect(node.count('unread_histories_total')).toBe(0);
  expect(other.count('dropped_histories_total')).toBeGreaterThan(0);
});

test('3.13 delivers a received event that is in no history, also when the channel begins anew', async () => {
  const options = where();
  const keep = { ...KEEP, appBytes: 10_000 };
  const [node, other] = [await openNode(options), await openNode(options)];
  const ref = channelOf('orders');
  await node.broker.subscribe(ref);
  await other.broker.publish(ref, { payload: 'before' }, keep);
  await admin.del(new Keys(options.keyPrefix, 1).channel(ref).position);
  // Larger than all that the app may keep.
  const large = 'x'.repeat(6000);
  await other.broker.publish(ref, { payload: large }, keep);
  await eventually(() => node.payloads('orders').at(-1) === large, 'the large one is delivered');
  expect(node.payloads('orders')).toEqual(['before', large]);
  expect(node.count('lost_events_total')).toBe(0);
});

test('3.13 logs and counts a possible loss when even the position of a channel was dropped', async () => {
  const { node } = await awayWhile(24_000, 200);
  expect(node.payloads('orders')).toEqual(['before', 'after']);
  expect(node.count('unread_histories_total')).toBe(1);
  expect(node.logger.warnings).toContainEqual({
    message: expect.stringContaining('cannot be read') as string,
    details: expect.objectContaining({
      reason: expect.stringContaining('WAVEHALL_HISTORY_MAX_BYTES') as string,
    }) as object,
  });
});

test('3.13 logs a possible loss on a node that was disconnected for longer than anything is kept', async () => {
  // A minute and more is over at once for this node: what is kept is kept for less than no time.
  const { node, other, ref, proxy } = await away(where({ historyTtlMs: () => -120_000 }));
  await other.broker.publish(ref, { payload: 'missed' }, KEEP);
  await redis.pass(130);
  proxy.heal();
  await node.ready();
  expect(node.count('unread_histories_total')).toBe(1);
  await other.broker.publish(ref, { payload: 'after' }, KEEP);
  await eventually(() => node.payloads('orders').at(-1) === 'after', 'the channel goes on');
});

test('3.13 keeps a history for an eighth longer than asked for, and the position of its channel a minute more', async () => {
  const options = where();
  const node = await openNode(options);
  await node.broker.publish(channelOf('orders'), { payload: 'x' }, KEEP);
  const { history, position } = new Keys(options.keyPrefix, 1).channel(channelOf('orders'));
  const [one, other] = [await admin.pttl(history), await admin.pttl(position)];
  expect(one).toBeGreaterThan(60_000);
  expect(one).toBeLessThanOrEqual(67_500);
  expect(other).toBeGreaterThan(120_000);
  expect(other).toBeLessThanOrEqual(127_500);
});

test.each([
  ['had been kept for less than is asked for now', 20],
  ['had been kept for longer than is asked for now', 400],
])('3.13 an event prolongs the history when the channel %s', async (_what, earlierSeconds) => {
  const options = where();
  const node = await openNode(options);
  const ref = channelOf('orders');
  const { history, position } = new Keys(options.keyPrefix, 1).channel(ref);
  await node.broker.publish(ref, { payload: 'x' }, { ...KEEP, ttlSeconds: earlierSeconds });
  await node.broker.publish(ref, { payload: 'y' }, KEEP);
  const [one, other] = [await admin.pttl(history), await admin.pttl(position)];
  expect(one).toBeGreaterThan(60_000);
  expect(one).toBeLessThanOrEqual(67_500);
  expect(other - one).toBeGreaterThan(59_000);
  expect(await admin.llen(history)).toBe(2);
});

test('3.13 begins an evicted history anew, with an expiry, and counts it', async () => {
  const [options, whole] = [where(), where()];
  const [node, other] = [await openNode(options), await openNode(whole)];
  const ref = channelOf('orders');
  const { history } = new Keys(options.keyPrefix, 1).channel(ref);
  await node.broker.publish(ref, { payload: 'x' }, KEEP);
  await admin.del(history);
  await node.broker.publish(ref, { payload: 'y' }, KEEP);
  expect(await admin.pttl(history)).toBeGreaterThan(60_000);
  await other.broker.publish(ref, { payload: 'y' }, KEEP);
  expect(await accounted(options)).toEqual(await accounted(whole));
});

test('3.13 on a Cluster each partition keeps its share, on whichever server', async () => {
  const cluster = await startCluster({ replicas: false });
  onTestFinished(() => cluster.close());
  const node = await openNode(nodeOptions({ cluster: cluster.addresses }));
  const keep = { ...KEEP, lastSeconds: 60, appBytes: 16 * 8000 };
  for (let round = 0; round < 4; round += 1)
    await Promise.all(
      Array.from({ length: 200 }, (_, at) =>
        node.broker.publish(channelOf(`cache-${at}`), { payload: 'x'.repeat(200) }, keep),
      ),
    );
  expect(node.count('dropped_histories_total')).toBeGreaterThan(0);
  for (const server of cluster.masters) {
    const client = new Redis(server.port);
    for (const key of await client.keys('*:[hl]b:a'))
      expect(Number(await client.hget(key, 'all'))).toBeLessThanOrEqual(4000);
    client.disconnect();
  }
}, 60_000);

test('3.13 publishers of any number of channels, and 60 sockets, leave room in a Redis of 40 MB', async () => {
  const full = await startRedis(['--maxmemory', '40mb', '--maxmemory-policy', 'noeviction']);
  onTestFinished(() => full.close());
  const proxy = await FaultProxy.open(full.port);
  onTestFinished(() => proxy.close());
  const env = { REVERB_SCALING_ENABLED: 'true', REVERB_MAX_REQUEST_SIZE: '2000000' };
  const [server, away] = [
    await startServer({ ...env, REDIS_PORT: `${full.port}` }),
    await startServer({ ...env, REDIS_PORT: `${proxy.port}` }),
  ];
  onTestFinished(() => server.close());
  onTestFinished(() => away.close());
  const wires = await Promise.all(
    Array.from({ length: 60 }, () => Wire.open(server, '/app/app-key?protocol=7')),
  );
  const watcher = await Wire.open(away, '/app/app-key?protocol=7');
  onTestFinished(async () => {
    await Promise.all([watcher, ...wires].map((wire) => wire.close()));
  });
  watcher.send({ event: 'pusher:subscribe', data: { channel: 'orders' } });
  await watcher.next('pusher_internal:subscription_succeeded');

  const app = appAt(server);
  const publish = async (name: string, channels: readonly string[], data: string): Promise<number> =>
    (await publisher(app).post('/events', { name, channels, data })).status;
  const statuses = new Map<number, number>();
  for (let round = 0; round < 80; round += 1) {
    const kind = round % 2 === 0 ? 'cache-' : '';
    const channels = Array.from({ length: 100 }, (_, at) => `${kind}many-${round}-${at}`);
    // Half of them large, half small: either way more than 40 MB in the end, keys included.
    const status = await publish('x', channels, `"${'x'.repeat(round % 4 < 2 ? 10_000 : 100)}"`);
    statuses.set(status, (statuses.get(status) ?? 0) + 1);
    for (const [at, wire] of wires.entries())
      wire.send({ event: 'pusher:subscribe', data: { channel: `made-up-${round}-${at}` } });
    for (const [at, wire] of wires.entries())
      wire.send({ event: 'client-x', channel: `made-up-${round}-${at}`, data: 'x'.repeat(1000) });
  }
  expect([...statuses]).toEqual([[200, 80]]);

  proxy.isRefusing = true;
  proxy.cut();
  await eventually(() => away.output().includes('Lost the connection to Redis'), 'the node is away');
  expect(await publish('missed', ['orders'], '"x"')).toBe(200);
  proxy.heal();
  await watcher.next('missed', 20_000);
  expect(await publish('after', ['orders'], '"x"')).toBe(200);
  await watcher.next('after', 10_000);
}, 180_000);

test.each([
  ['another type', (key: string) => admin.multi().del(key).set(key, 'garbage').exec()],
  ['no number', (key: string) => admin.hset(key, 'offset', 'garbage')],
])(
  '3.13 counts a possible loss when another program damaged the position while a node was disconnected: %s',
  async (_what, spoil) => {
    const options = where();
    const { node, other, ref, proxy } = await away(options);
    await other.broker.publish(ref, { payload: 'missed' }, KEEP);
    await spoil(new Keys(options.keyPrefix, 1).channel(ref).position);
    await other.broker.publish(ref, { payload: 'newer' }, KEEP);
    proxy.heal();
    await eventually(() => node.payloads('orders').at(-1) === 'newer', 'the channel goes on', 15_000);
    expect(node.payloads('orders')).toEqual(['before', 'newer']);
    expect(node.count('unread_histories_total')).toBe(1);
    expect(other.count('invalid_data_total')).toBe(1);
  },
);
