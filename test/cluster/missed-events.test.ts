import { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { appAt } from '../support/app.ts';
import type { Retention } from '../../src/core/ports/events.ts';
import type { ChannelRef } from '../../src/core/ports/events.ts';
import { Keys } from '../../src/stores/redis/keys.ts';
import { FaultProxy } from '../support/fault-proxy.ts';
import { startRedis, type TestRedis } from '../support/redis.ts';
import { startServer } from '../support/server.ts';
import { publisher } from '../support/wire-http.ts';
import { eventually, Wire } from '../support/wire.ts';
import { channelOf, openNode, nodeOptions } from './redis-node.ts';
import { sleep } from '../../src/core/util/time.ts';

type Node = Awaited<ReturnType<typeof openNode>>;

let redis: TestRedis;
let admin: Redis;
beforeAll(async () => {
  redis = await startRedis();
  admin = new Redis(redis.url);
});
afterAll(async () => {
  admin.disconnect();
  await redis.close();
});

const KEEP = { size: 50, ttlSeconds: 60 };

test('3.13 delivers events that are published before Redis returns the position of a new channel', async () => {
  const options = nodeOptions({ port: redis.port });
  const [slow, other] = [await openNode({ ...options, commandTimeoutMs: 100 }), await openNode(options)];
  const orders = channelOf('orders');
  await other.broker.publish(orders, { payload: 'before' }, KEEP);
  // CLIENT PAUSE WRITE delays scripts, but not subscriptions.
  await admin.call('CLIENT', 'PAUSE', '60000', 'WRITE');
  await slow.broker.subscribe(orders);
  const published = other.broker.publish(orders, { payload: 'first' }, KEEP);
  await admin.call('CLIENT', 'UNPAUSE');
  await published;
  await other.broker.publish(orders, { payload: 'second' }, KEEP);
  await eventually(() => slow.payloads('orders').length >= 2, 'both are delivered');
  expect(slow.payloads('orders')).toEqual(['first', 'second']);
});

const NINE_THOUSAND = Array.from({ length: 9000 }, (_, at) => `event ${at}`);

interface Options {
  readonly port?: number;
  readonly before?: (node: Node, other: Node) => Promise<unknown>;
  readonly onReconnect?: (proxy: FaultProxy) => void;
}

/** Disconnects a node that is subscribed to `ref` while `missed` runs, then reconnects it. */
async function disconnectDuring(
  ref: ChannelRef,
  keep: Retention,
  missed: (other: Node) => Promise<void>,
  { port = redis.port, before, onReconnect }: Options = {},
) {
  const proxy = await FaultProxy.open(port);
  onTestFinished(() => proxy.close());
  const options = nodeOptions({ port });
  const [node, other] = [await openNode({ ...options, port: proxy.port }), await openNode(options)];
  await node.broker.subscribe(ref);
  await before?.(node, other);
  await other.broker.publish(ref, { payload: 'before' }, keep);
  await eventually(() => node.payloads(ref.channel).length === 1, 'the node receives events of the channel');
  proxy.isRefusing = true;
  proxy.cut();
  await eventually(() => !node.isReady(), 'the node is disconnected');
  await missed(other);
  proxy.heal();
  onReconnect?.(proxy);
  const keys = new Keys(options.keyPrefix, options.partitions).channel(ref);
  return { node, other, keys, proxy };
}

test('3.13 with WAVEHALL_HISTORY_SIZE=9000 a node delivers 9,000 missed events in order', async () => {
  const proxy = await FaultProxy.open(redis.port);
  onTestFinished(() => proxy.close());
  const env = {
    REVERB_SCALING_ENABLED: 'true',
    WAVEHALL_HISTORY_SIZE: '9000',
    WAVEHALL_MAX_BATCH_SIZE: '500',
    WAVEHALL_REDIS_PREFIX: 'long:',
  };
  const disconnected = await startServer({ ...env, REDIS_PORT: `${proxy.port}` });
  onTestFinished(() => disconnected.close());
  const other = await startServer({ ...env, REDIS_PORT: `${redis.port}` });
  onTestFinished(() => other.close());
  const wire = await Wire.open(disconnected, '/app/app-key?protocol=7');
  onTestFinished(async () => {
    await wire.close();
  });
  wire.send({ event: 'pusher:subscribe', data: { channel: 'orders' } });
  await wire.next('pusher_internal:subscription_succeeded');
  const app = appAt(other);
  const publish = async (names: readonly string[]) => {
    const batch = names.map((name) => ({ name, channel: 'orders', data: '"x"' }));
    expect((await publisher(app).post('/batch_events', { batch })).status).toBe(200);
  };
  proxy.isRefusing = true;
  proxy.cut();
  await eventually(
    () => disconnected.output().includes('Lost the connection to Redis'),
    'the node is disconnected',
  );
  for (let at = 0; at < 9000; at += 500) await publish(NINE_THOUSAND.slice(at, at + 500));
  proxy.heal();
  await wire.next(NINE_THOUSAND.at(-1) ?? '', 30_000);
  await publish(['after']);
  await wire.next('after', 15_000);
  const names = wire.texts.map((text) => (JSON.parse(text) as { event: string }).event);
  expect(names.filter((name) => !name.startsWith('pusher'))).toEqual([...NINE_THOUSAND, 'after']);
  expect(disconnected.output()).not.toMatch(/Lost events|cannot be read/);
}, 120_000);

test('3.13 when more events are missed than a history keeps, delivers the newest and counts the others as lost', async () => {
  const keep = { size: 1200, ttlSeconds: 60 };
  const all = Array.from({ length: 3000 }, (_, at) => `event ${at}`);
  const { node } = await disconnectDuring(channelOf('many'), keep, async ({ broker }) => {
    await Promise.all(all.map((payload) => broker.publish(channelOf('many'), { payload }, keep)));
  });
  await eventually(() => node.payloads('many').at(-1) === all.at(-1), 'the newest is delivered');
  expect(node.payloads('many')).toEqual(['before', ...all.slice(-1200)]);
  expect(node.count('lost_events_total')).toBe(1800);
  expect(node.count('unread_histories_total')).toBe(0);
}, 60_000);

test('3.13 counts events as lost after a disconnection longer than WAVEHALL_HISTORY_TTL, and loses none in a shorter one', async () => {
  const after = ['after 1', 'after 2'];
  const missed = ['missed 1', 'missed 2', 'missed 3'];
  for (const [name, ttlSeconds, isLate] of [
    ['in-time', 60, false],
    ['too-late', 1, true],
  ] as const) {
    const keep = { size: 50, ttlSeconds };
    const ref = channelOf(name);
    const { node, other } = await disconnectDuring(ref, keep, async ({ broker }) => {
      for (const payload of missed) await broker.publish(ref, { payload }, keep);
      if (isLate) await sleep(2500);
    });
    await eventually(() => node.isReady(), 'the node is reconnected');
    for (const payload of after) await other.broker.publish(ref, { payload }, keep);
    await eventually(() => node.payloads(name).at(-1) === after[1], 'the newest is delivered');
    expect(node.payloads(name)).toEqual(['before', ...(isLate ? [] : missed), ...after]);
    expect(node.count('lost_events_total')).toBe(isLate ? missed.length : 0);
  }
}, 60_000);

test('3.13 delivers large missed events complete and in order', async () => {
  const keep = { size: 50, ttlSeconds: 60 };
  const all = Array.from({ length: 12 }, (_, at) => `${at} ${'ü'.repeat(200_000)}`);
  const { node } = await disconnectDuring(channelOf('large'), keep, async ({ broker }) => {
    for (const payload of all) await broker.publish(channelOf('large'), { payload }, keep);
  });
  await eventually(() => node.payloads('large').length > all.length, 'all are delivered');
  expect(node.payloads('large')).toEqual(['before', ...all]);
}, 60_000);

/** Opens a node that has read some of the 9,000 events that it missed, over a slow link. */
async function openWhileReading(name: string) {
  const ref = channelOf(name);
  const keep = { size: 9000, ttlSeconds: 60 };
  const disconnected = await disconnectDuring(
    ref,
    keep,
    async ({ broker }) => {
      await Promise.all(NINE_THOUSAND.map((payload) => broker.publish(ref, { payload }, keep)));
    },
    { onReconnect: (proxy) => (proxy.delayMs = 50) },
  );
  await eventually(() => disconnected.node.payloads(name).length > 500, 'some are delivered');
  expect(disconnected.node.payloads(name).length).toBeLessThan(9000);
  return {
    ...disconnected,
    ref,
    publish: (payload: string) => disconnected.other.broker.publish(ref, { payload }, keep),
  };
}

test('3.13 loses and repeats no event when connections break while 9,000 missed events are read', async () => {
  const { node, proxy, publish } = await openWhileReading('cut');
  proxy.cut();
  proxy.heal();
  await publish('after');
  await eventually(() => node.payloads('cut').at(-1) === 'after', 'the newest is delivered', 20_000);
  expect(node.payloads('cut')).toEqual(['before', ...NINE_THOUSAND, 'after']);
  expect(node.count('lost_events_total')).toBe(0);
  expect(node.count('unread_histories_total')).toBe(0);
}, 60_000);

test('3.13 continues with the newest event when a history fails while 9,000 missed events are read', async () => {
  const { node, proxy, keys, publish } = await openWhileReading('damaged');
  await admin.hset(keys.position, 'base:x', 'no number');
  proxy.heal();
  await eventually(() => node.count('unread_histories_total') > 0, 'the failed read is counted', 20_000);
  const delivered = node.payloads('damaged');
  expect(delivered).toEqual(['before', ...NINE_THOUSAND.slice(0, delivered.length - 1)]);
  await publish('after');
  await eventually(() => node.payloads('damaged').at(-1) === 'after', 'the channel continues', 20_000);
  expect(node.payloads('damaged')).toEqual([...delivered, 'after']);
}, 60_000);

test('3.13 logs and counts that a history cannot be read, and continues with the newest event', async () => {
  const withoutRanges = await startRedis(['--rename-command', 'LRANGE', '']);
  onTestFinished(() => withoutRanges.close());
  const keep = { size: 50, ttlSeconds: 60 };
  const refs = [channelOf('broken'), channelOf('broken too')];
  const publishToAll = async ({ broker }: Node, payload: string) =>
    Promise.all(refs.map((ref) => broker.publish(ref, { payload }, keep)));
  const { node, other } = await disconnectDuring(
    channelOf('valid'),
    keep,
    async (sender) => {
      for (const payload of ['missed 1', 'missed 2']) await publishToAll(sender, payload);
    },
    {
      port: withoutRanges.port,
      before: async (disconnected, sender) => {
        for (const ref of refs) await disconnected.broker.subscribe(ref);
        await publishToAll(sender, 'before');
      },
    },
  );
  await eventually(() => node.count('unread_histories_total') === 2, 'both are counted');
  await publishToAll(other, 'after');
  for (const { channel: name } of refs) {
    await eventually(() => node.payloads(name).at(-1) === 'after', 'the channel continues');
    expect(node.payloads(name)).toEqual(['before', 'after']);
  }
  expect(node.count('lost_events_total')).toBe(4);
  expect(node.count('unread_histories_total')).toBe(2);
  const warnings = node.logger.warnings.filter(({ message }) => message.includes('cannot be read'));
  expect(warnings).toMatchObject([
    { details: { app: 'a', reason: expect.stringContaining('Unknown') as string } },
  ]);
}, 60_000);

test('13.6 no history is read of a restarted Redis before it shows that writes may be lost', async () => {
  const kept = await startRedis(['--appendonly', 'yes', '--appendfsync', 'always']);
  onTestFinished(() => kept.close());
  const node = await openNode(nodeOptions({ port: kept.port }));
  const orders = channelOf('orders');
  await node.broker.publish(orders, { payload: 'kept' }, KEEP);
  const start = { epoch: '', generation: '0', offset: 0 };
  const read = () => node.history.after(orders, start, { events: 10, bytes: 1000 });
  const before = (await read()).newest!;
  await kept.restart();
  let after: typeof before | undefined;
  await eventually(async () => {
    after = await read().then(
      ({ newest }) => newest,
      () => undefined,
    );
    return after !== undefined;
  }, 'the history can be read again');
  expect(after).toMatchObject({ epoch: before.epoch, offset: before.offset });
  expect(Number(after?.generation)).toBeGreaterThan(Number(before.generation));
});
