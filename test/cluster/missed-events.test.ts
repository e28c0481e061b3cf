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

test('3.13 delivers what is published while Redis does not yet answer the position of a new channel', async () => {
  const options = nodeOptions({ port: redis.port });
  const [slow, other] = [await openNode({ ...options, commandTimeoutMs: 100 }), await openNode(options)];
  const orders = channelOf('orders');
  await other.broker.publish(orders, { payload: 'before' }, KEEP);
  // Scripts wait, subscriptions do not.
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

interface Circumstances {
  readonly port?: number;
  readonly before?: (node: Node, other: Node) => Promise<unknown>;
  readonly onReturn?: (proxy: FaultProxy) => void;
}

/** A node that hears nothing of `ref` while `missed` is done, then everything again. */
async function awayDuring(
  ref: ChannelRef,
  keep: Retention,
  missed: (other: Node) => Promise<void>,
  { port = redis.port, before, onReturn }: Circumstances = {},
) {
  const proxy = await FaultProxy.open(port);
  onTestFinished(() => proxy.close());
  const options = nodeOptions({ port });
  const [node, other] = [await openNode({ ...options, port: proxy.port }), await openNode(options)];
  await node.broker.subscribe(ref);
  await before?.(node, other);
  await other.broker.publish(ref, { payload: 'before' }, keep);
  await eventually(() => node.payloads(ref.channel).length === 1, 'the node hears the channel');
  proxy.isRefusing = true;
  proxy.cut();
  await eventually(() => !node.isReady(), 'the node is away');
  await missed(other);
  proxy.heal();
  onReturn?.(proxy);
  const keys = new Keys(options.keyPrefix, options.partitions).channel(ref);
  return { node, other, keys, proxy };
}

test('3.13 with WAVEHALL_HISTORY_SIZE=9000 a node delivers 9,000 missed events, all in their order', async () => {
  const proxy = await FaultProxy.open(redis.port);
  onTestFinished(() => proxy.close());
  const env = {
    REVERB_SCALING_ENABLED: 'true',
    WAVEHALL_HISTORY_SIZE: '9000',
    WAVEHALL_MAX_BATCH_SIZE: '500',
    WAVEHALL_REDIS_PREFIX: 'long:',
  };
  const away = await startServer({ ...env, REDIS_PORT: `${proxy.port}` });
  onTestFinished(() => away.close());
  const other = await startServer({ ...env, REDIS_PORT: `${redis.port}` });
  onTestFinished(() => other.close());
  const wire = await Wire.open(away, '/app/app-key?protocol=7');
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
  await eventually(() => away.output().includes('Lost the connection to Redis'), 'the node is away');
  for (let at = 0; at < 9000; at += 500) await publish(NINE_THOUSAND.slice(at, at + 500));
  proxy.heal();
  await wire.next(NINE_THOUSAND.at(-1) ?? '', 30_000);
  await publish(['after']);
  await wire.next('after', 15_000);
  const names = wire.texts.map((text) => (JSON.parse(text) as { event: string }).event);
  expect(names.filter((name) => !name.startsWith('pusher'))).toEqual([...NINE_THOUSAND, 'after']);
  expect(away.output()).not.toMatch(/Lost events|cannot be read/);
}, 120_000);

test('3.13 delivers the newest of more missed events than a history keeps, and counts the others as lost', async () => {
  const keep = { size: 1200, ttlSeconds: 60 };
  const all = Array.from({ length: 3000 }, (_, at) => `event ${at}`);
  const { node } = await awayDuring(channelOf('many'), keep, async ({ broker }) => {
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
    const { node, other } = await awayDuring(ref, keep, async ({ broker }) => {
      for (const payload of missed) await broker.publish(ref, { payload }, keep);
      if (isLate) await sleep(2500);
    });
    await eventually(() => node.isReady(), 'the node is back');
    for (const payload of after) await other.broker.publish(ref, { payload }, keep);
    await eventually(() => node.payloads(name).at(-1) === after[1], 'the newest is delivered');
    expect(node.payloads(name)).toEqual(['before', ...(isLate ? [] : missed), ...after]);
    expect(node.count('lost_events_total')).toBe(isLate ? missed.length : 0);
  }
}, 60_000);

test('3.13 delivers large missed events whole, in their order', async () => {
  const keep = { size: 50, ttlSeconds: 60 };
  const all = Array.from({ length: 12 }, (_, at) => `${at} ${'ü'.repeat(200_000)}`);
  const { node } = await awayDuring(channelOf('large'), keep, async ({ broker }) => {
    for (const payload of all) await broker.publish(channelOf('large'), { payload }, keep);
  });
  await eventually(() => node.payloads('large').length > all.length, 'all are delivered');
  expect(node.payloads('large')).toEqual(['before', ...all]);
}, 60_000);

/** A node that has read some of the 9,000 events that it missed, over a link that is slow. */
async function inTheMiddle(name: string) {
  const ref = channelOf(name);
  const keep = { size: 9000, ttlSeconds: 60 };
  const away = await awayDuring(
    ref,
    keep,
    async ({ broker }) => {
      await Promise.all(NINE_THOUSAND.map((payload) => broker.publish(ref, { payload }, keep)));
    },
    { onReturn: (proxy) => (proxy.delayMs = 50) },
  );
  await eventually(() => away.node.payloads(name).length > 500, 'some are delivered');
  expect(away.node.payloads(name).length).toBeLessThan(9000);
  return { ...away, ref, publish: (payload: string) => away.other.broker.publish(ref, { payload }, keep) };
}

test('3.13 connections that break while 9,000 missed events are read lose and repeat none', async () => {
  const { node, proxy, publish } = await inTheMiddle('cut');
  proxy.cut();
  proxy.heal();
  await publish('after');
  await eventually(() => node.payloads('cut').at(-1) === 'after', 'the newest is delivered', 20_000);
  expect(node.payloads('cut')).toEqual(['before', ...NINE_THOUSAND, 'after']);
  expect(node.count('lost_events_total')).toBe(0);
  expect(node.count('unread_histories_total')).toBe(0);
}, 60_000);

test('3.13 continues with the newest event when a history fails while 9,000 missed events are read', async () => {
  const { node, proxy, keys, publish } = await inTheMiddle('spoilt');
  await admin.hset(keys.position, 'base:x', 'no number');
  proxy.heal();
  await eventually(() => node.count('unread_histories_total') > 0, 'it is counted', 20_000);
  const delivered = node.payloads('spoilt');
  expect(delivered).toEqual(['before', ...NINE_THOUSAND.slice(0, delivered.length - 1)]);
  await publish('after');
  await eventually(() => node.payloads('spoilt').at(-1) === 'after', 'the channel goes on', 20_000);
  expect(node.payloads('spoilt')).toEqual([...delivered, 'after']);
}, 60_000);

test('3.13 logs and counts that a history cannot be read, and continues with the newest event', async () => {
  const withoutRanges = await startRedis(['--rename-command', 'LRANGE', '']);
  onTestFinished(() => withoutRanges.close());
  const keep = { size: 50, ttlSeconds: 60 };
  const refs = [channelOf('broken'), channelOf('broken too')];
  const say = async ({ broker }: Node, payload: string) =>
    Promise.all(refs.map((ref) => broker.publish(ref, { payload }, keep)));
  const { node, other } = await awayDuring(
    channelOf('sound'),
    keep,
    async (away) => {
      for (const payload of ['missed 1', 'missed 2']) await say(away, payload);
    },
    {
      port: withoutRanges.port,
      before: async (away, sender) => {
        for (const ref of refs) await away.broker.subscribe(ref);
        await say(sender, 'before');
      },
    },
  );
  await eventually(() => node.count('unread_histories_total') === 2, 'both are counted');
  await say(other, 'after');
  for (const { channel: name } of refs) {
    await eventually(() => node.payloads(name).at(-1) === 'after', 'the channel goes on');
    expect(node.payloads(name)).toEqual(['before', 'after']);
  }
  expect(node.count('lost_events_total')).toBe(4);
  expect(node.count('unread_histories_total')).toBe(2);
  const said = node.logger.warnings.filter(({ message }) => message.includes('cannot be read'));
  expect(said).toMatchObject([
    { details: { app: 'a', reason: expect.stringContaining('Unknown') as string } },
  ]);
}, 60_000);
