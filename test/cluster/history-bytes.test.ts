/** The limit of bytes in Redis for the histories and last events of an app. */
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

const newOptions = (options: Partial<RedisOptions> = {}): RedisOptions =>
  nodeOptions({ port: redis.port, partitions: 1, ...options });
const KEEP: Retention = { size: 50, ttlSeconds: 60 };
const LAST: Retention = { size: 0, ttlSeconds: 0, lastSeconds: 60 };
const REFS = Array.from({ length: 10 }, (_, at) => channelOf(`cache-${at}`));

/** Returns the counted bytes of app `a`: of histories, and of last events. */
async function countedBytes({ keyPrefix, partitions }: RedisOptions): Promise<[number, number]> {
  const [, histories, , lasts] = new Keys(keyPrefix, partitions).channel(channelOf('any')).retention.keys;
  return [Number(await admin.hget(histories, 'all')), Number(await admin.hget(lasts, 'all'))];
}

/** Publishes one event on each channel; returns for each channel whether its event is kept. */
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
  '3.13 the %s of an app are kept up to its limit of bytes; above it the oldest is removed',
  async (_what, keep, at) => {
    const unbounded = newOptions();
    await keptOf(unbounded, keep);
    const bytes = (await countedBytes(unbounded))[at];
    expect(bytes).toBeGreaterThan(0);

    const roomy = await keptOf(newOptions(), { ...keep, appBytes: 2 * bytes });
    expect(roomy.kept).toEqual(REFS.map(() => true));
    expect(roomy.node.count('dropped_histories_total')).toBe(0);

    const tight = await keptOf(newOptions(), { ...keep, appBytes: 2 * bytes - 2 });
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
  const [ascii, umlauts] = [newOptions(), newOptions()];
  await keptOf(ascii, KEEP, 'u'.repeat(1000));
  await keptOf(umlauts, KEEP, 'ü'.repeat(1000));
  const [[one], [two]] = [await countedBytes(ascii), await countedBytes(umlauts)];
  // The lengths of both payloads, 1000 and 2000, have 4 digits, so the heads of both events are equally long.
  expect(two - one).toBe(10 * 1000);
});

test('3.13 limits the bytes of each app separately', async () => {
  const options = newOptions();
  const node = await openNode(options);
  const keys = new Keys(options.keyPrefix, 1);
  const appBytes = 6000;
  await node.broker.publish({ app: 'b', channel: 'quiet' }, { payload: 'x' }, { ...KEEP, appBytes });
  for (let at = 0; at < 50; at += 1)
    await node.broker.publish(channelOf(`loud-${at}`), { payload: 'x' }, { ...KEEP, appBytes });
  expect(await admin.exists(keys.channel({ app: 'b', channel: 'quiet' }).history)).toBe(1);
  expect((await countedBytes(options))[0]).toBeLessThanOrEqual(appBytes / 2);
});

test('3.13 delivers an event larger than the limit, and does not keep it', async () => {
  const options = newOptions();
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
  for (const bytes of await countedBytes(options)) expect(bytes).toBeLessThanOrEqual(5000);
});

test('3.13 a single history that fills the limit loses its oldest events', async () => {
  const options = newOptions();
  const node = await openNode(options);
  const ref = channelOf('long');
  for (let at = 0; at < 100; at += 1)
    await node.broker.publish(ref, { payload: `${at}` }, { ...KEEP, size: 1000, appBytes: 4000 });
  const { history } = new Keys(options.keyPrefix, 1).channel(ref);
  const events = await admin.lrange(history, 0, -1);
  expect(events.length).toBeGreaterThan(20);
  expect(events.length).toBeLessThan(100);
  expect(events.at(-1)).toMatch(/99$/);
  expect((await countedBytes(options))[0]).toBeLessThanOrEqual(2000);
});

test('3.13 expired data no longer counts', async () => {
  const options = newOptions();
  const { node } = await keptOf(options, { ...KEEP, lastSeconds: 60 });
  const ref = channelOf('cache-x');
  await redis.advanceTime(70);
  await redis.advanceTime(70);
  const alone = await bytesOfOneEvent(options);
  await eventually(async () => {
    await node.broker.publish(ref, { payload: 'x' }, { size: 1, ttlSeconds: 60, lastSeconds: 60 });
    return isDeepStrictEqual(await countedBytes(options), alone);
  }, 'a later publish removes expired data');
  await redis.advanceTime(300);
  expect(await admin.keys(`${options.keyPrefix}*:[hl][xb]:*`)).toEqual([]);
  expect(await countedBytes(options)).toEqual([0, 0]);
});

/** Returns the counted bytes of one event on `cache-x` in an empty installation. */
async function bytesOfOneEvent(like: RedisOptions): Promise<[number, number]> {
  const options = newOptions();
  const node = await openNode(options);
  await node.broker.publish(channelOf('cache-x'), { payload: 'x' }, { ...KEEP, lastSeconds: 60 });
  expect(options.keyPrefix.length).toBe(like.keyPrefix.length);
  return countedBytes(options);
}

/** Opens a node that has received `before` on a channel and is now disconnected until `proxy.heal()`, and a connected one. */
async function openDisconnected(options: RedisOptions, keep = KEEP) {
  const proxy = await FaultProxy.open(redis.port);
  onTestFinished(() => proxy.close());
  const [node, other] = [await openNode({ ...options, port: proxy.port }), await openNode(options)];
  const ref = channelOf('orders');
  await node.broker.subscribe(ref);
  await other.broker.publish(ref, { payload: 'before' }, keep);
  await eventually(() => node.payloads('orders').length === 1, 'the node receives events of the channel');
  proxy.isRefusing = true;
  proxy.cut();
  await eventually(() => !node.isReady(), 'the node is disconnected');
  return { node, other, ref, proxy };
}

/** Disconnects a node while 3 events are published on its channel and `others` on other channels, then reconnects it. */
async function disconnectWhile(appBytes: number, others: number) {
  const keep = { ...KEEP, appBytes };
  const { node, other, ref, proxy } = await openDisconnected(newOptions(), keep);
  for (const payload of ['1', '2', '3']) await other.broker.publish(ref, { payload }, keep);
  for (let at = 0; at < others; at += 1)
    await other.broker.publish(channelOf(`other-${at}`), { payload: 'x'.repeat(100) }, keep);
  proxy.heal();
  await node.ready();
  await other.broker.publish(ref, { payload: 'after' }, keep);
  await eventually(() => node.payloads('orders').at(-1) === 'after', 'the channel continues');
  return { node, other };
}

test('3.13 counts and logs events as lost when their history was dropped; the channel continues', async () => {
  const { node, other } = await disconnectWhile(20_000, 10);
  expect(node.payloads('orders')).toEqual(['before', 'after']);
  expect(node.count('lost_events_total')).toBe(3);
  expect(node.count('unread_histories_total')).toBe(0);
  expect(other.count('dropped_histories_total')).toBeGreaterThan(0);
});

test('3.13 delivers a received event that is in no history, also when the position of the channel starts again', async () => {
  const options = newOptions();
  const keep = { ...KEEP, appBytes: 10_000 };
  const [node, other] = [await openNode(options), await openNode(options)];
  const ref = channelOf('orders');
  await node.broker.subscribe(ref);
  await other.broker.publish(ref, { payload: 'before' }, keep);
  await admin.del(new Keys(options.keyPrefix, 1).channel(ref).position);
  // Larger than the limit of the app.
  const large = 'x'.repeat(6000);
  await other.broker.publish(ref, { payload: large }, keep);
  await eventually(() => node.payloads('orders').at(-1) === large, 'the large event is delivered');
  expect(node.payloads('orders')).toEqual(['before', large]);
  expect(node.count('lost_events_total')).toBe(0);
});

test('3.13 logs and counts a possible loss when even the position of a channel was dropped', async () => {
  const { node } = await disconnectWhile(24_000, 200);
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
  // With a negative history time this node treats every disconnection as too long.
  const { node, other, ref, proxy } = await openDisconnected(newOptions({ historyTtlMs: () => -120_000 }));
  await other.broker.publish(ref, { payload: 'missed' }, KEEP);
  await redis.advanceTime(130);
  proxy.heal();
  await node.ready();
  expect(node.count('unread_histories_total')).toBe(1);
  await other.broker.publish(ref, { payload: 'after' }, KEEP);
  await eventually(() => node.payloads('orders').at(-1) === 'after', 'the channel continues');
});

test('3.13 keeps a history for an eighth longer than WAVEHALL_HISTORY_TTL, and the position of its channel a minute longer still', async () => {
  const options = newOptions();
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
  ['was kept for a shorter time before', 20],
  ['was kept for a longer time before', 400],
])('3.13 an event extends the expiry of the history when the channel %s', async (_what, earlierSeconds) => {
  const options = newOptions();
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

test('3.13 starts an evicted history again, with an expiry, and counts its bytes', async () => {
  const [options, roomy] = [newOptions(), newOptions()];
  const [node, other] = [await openNode(options), await openNode(roomy)];
  const ref = channelOf('orders');
  const { history } = new Keys(options.keyPrefix, 1).channel(ref);
  await node.broker.publish(ref, { payload: 'x' }, KEEP);
  await admin.del(history);
  await node.broker.publish(ref, { payload: 'y' }, KEEP);
  expect(await admin.pttl(history)).toBeGreaterThan(60_000);
  await other.broker.publish(ref, { payload: 'y' }, KEEP);
  expect(await countedBytes(options)).toEqual(await countedBytes(roomy));
});

test('3.13 on a Cluster each partition limits its share, on every server', async () => {
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

test('3.13 publishing to any number of channels, and 60 sockets, do not fill a Redis of 40 MB', async () => {
  const full = await startRedis(['--maxmemory', '40mb', '--maxmemory-policy', 'noeviction']);
  onTestFinished(() => full.close());
  const proxy = await FaultProxy.open(full.port);
  onTestFinished(() => proxy.close());
  const env = { REVERB_SCALING_ENABLED: 'true', REVERB_MAX_REQUEST_SIZE: '2000000' };
  const [server, disconnected] = [
    await startServer({ ...env, REDIS_PORT: `${full.port}` }),
    await startServer({ ...env, REDIS_PORT: `${proxy.port}` }),
  ];
  onTestFinished(() => server.close());
  onTestFinished(() => disconnected.close());
  const wires = await Promise.all(
    Array.from({ length: 60 }, () => Wire.open(server, '/app/app-key?protocol=7')),
  );
  const watcher = await Wire.open(disconnected, '/app/app-key?protocol=7');
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
    // Half of the events are large, half small; with their keys they exceed 40 MB.
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
  await eventually(
    () => disconnected.output().includes('Lost the connection to Redis'),
    'the node is disconnected',
  );
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
  async (_what, damage) => {
    const options = newOptions();
    const { node, other, ref, proxy } = await openDisconnected(options);
    await other.broker.publish(ref, { payload: 'missed' }, KEEP);
    await damage(new Keys(options.keyPrefix, 1).channel(ref).position);
    await other.broker.publish(ref, { payload: 'newer' }, KEEP);
    proxy.heal();
    await eventually(() => node.payloads('orders').at(-1) === 'newer', 'the channel continues', 15_000);
    expect(node.payloads('orders')).toEqual(['before', 'newer']);
    expect(node.count('unread_histories_total')).toBe(1);
    expect(other.count('invalid_data_total')).toBe(1);
  },
);
