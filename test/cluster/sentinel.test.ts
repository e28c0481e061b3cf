import { setImmediate } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { Redis } from 'ioredis';
import { openRedisStores } from '../../src/stores/redis/index.ts';
import { connect, openServer } from '../../src/stores/redis/link/client.ts';
import { Keys } from '../../src/stores/redis/keys.ts';
import { FakeLogger } from '../core/fakes.ts';
import { MASTER_NAME, startSentinels, type TestSentinels } from '../support/redis-groups.ts';
import type { TestRedis } from '../support/redis.ts';
import { SentinelView } from '../support/sentinel-view.ts';
import { eventually } from '../support/wire.ts';
import { channelOf, member, openNode, nodeOptions } from './redis-node.ts';

/** Time after the settling by which every node has compared its members. */
const AFTER_SETTLING_MS = 2000;
const SETTLING_LIMIT_MS = 15_000;
const PRESENCE = channelOf('presence-room');
const ORDERS = channelOf('orders');

let sentinels: TestSentinels;
beforeAll(async () => void (sentinels = await startSentinels({ password: 'hush' })));
afterAll(() => sentinels.close());

const options = () =>
  nodeOptions({ sentinels: sentinels.addresses, sentinelName: MASTER_NAME, sentinelPassword: 'hush' });

/** Reads the generation of the data, and the end of its settling, from the first partition. */
async function stateAt(server: TestRedis, { keyPrefix }: { keyPrefix: string }) {
  const client = new Redis(server.port);
  const state = await client.hgetall(new Keys(keyPrefix, 16).generation(0));
  const [seconds] = await client.time();
  client.disconnect();
  return {
    generation: Number(state.generation),
    settlingMs: Number(state.settling ?? 0) - Number(seconds) * 1000,
  };
}

describe('start', () => {
  const start = (changes: object) => openRedisStores({ ...options(), ...changes }, new FakeLogger());

  test('8.11 names the setting of a master name that the Sentinels do not have', async () => {
    await expect(start({ sentinelName: 'other' })).rejects.toThrow(/WAVEHALL_REDIS_SENTINEL_NAME/);
  });

  test.each([undefined, 'wrong'])(
    '8.11 names the setting of a wrong password for the Sentinels (%s), without showing it',
    async (sentinelPassword) => {
      const failed = start({ sentinelPassword });
      await expect(failed).rejects.toThrow(/WAVEHALL_REDIS_SENTINEL_PASSWORD/);
      await expect(failed).rejects.not.toThrow(/wrong/);
    },
  );

  test('8.11 names the setting of Sentinels that cannot be reached', async () => {
    await expect(start({ sentinels: [{ host: '127.0.0.1', port: 1 }] })).rejects.toThrow(
      /cannot be reached at 127\.0\.0\.1:1: check WAVEHALL_REDIS_SENTINELS/,
    );
  });
});

test('4.4 after a failover publishing works within 12 seconds, nodes write their members again, and clients receive no false member event', async () => {
  const nodeSettings = options();
  const [a, b] = [await openNode(nodeSettings), await openNode(nodeSettings)];
  for (const [node, id] of [
    [a, '1'],
    [b, '2'],
  ] as const) {
    await node.broker.subscribe(PRESENCE);
    await node.broker.subscribe(ORDERS);
    await node.membership.join(PRESENCE, { subscriptions: 1, member: member(id), socketId: '1.1' });
    await node.membership.join(ORDERS, { subscriptions: 1, socketId: '1.1' });
  }
  await a.insist(ORDERS, 'before');
  await a.insist(PRESENCE, 'before');
  for (const node of [a, b]) {
    await eventually(() => node.payloads('orders').includes('before'), 'both nodes receive it');
    await eventually(() => node.payloads('presence-room').includes('before'), 'both nodes receive it');
  }
  const before = await sentinels.master();
  const { generation } = await stateAt(before, nodeSettings);
  const presenceEvents = () => [a, b].map((node) => node.payloads('presence-room').length);
  const eventsBefore = presenceEvents();

  await before.kill();
  const killedAt = Date.now();
  await eventually(() => !a.isReady() && !b.isReady(), 'neither node is ready');
  const refusals = await a.insist(ORDERS, 'after');
  expect(refusals).toBeGreaterThan(0);
  expect(Date.now() - killedAt).toBeLessThan(12_000);
  await Promise.all([a.ready(), b.ready()]);
  for (const node of [a, b])
    await eventually(() => node.payloads('orders').includes('after'), 'both nodes receive it');

  const after = await sentinels.master();
  expect(after.port).not.toBe(before.port);
  expect((await stateAt(after, nodeSettings)).generation).toBeGreaterThan(generation);
  // Nodes write their members again within the settling time, and compare them with the rosters of their clients after it.
  await eventually(
    async () => (await stateAt(after, nodeSettings)).settlingMs < -AFTER_SETTLING_MS,
    'the settling is over',
    SETTLING_LIMIT_MS,
  );
  for (const node of [a, b]) {
    const ids = (await node.membership.members(PRESENCE)).map(({ id }) => id).sort();
    expect(ids).toEqual(['1', '2']);
    expect(await node.membership.occupancy(ORDERS)).toMatchObject({ subscriptions: 2 });
    expect(node.payloads('orders')).toEqual(['before', 'after']);
    const messages = node.logger.warnings.map(({ message }) => message);
    expect(messages.filter((what) => what.startsWith('Lost the connection to Redis'))).toHaveLength(1);
    expect(messages.filter((what) => what === 'Reconnected to Redis')).toHaveLength(1);
  }
  expect(presenceEvents()).toEqual(eventsBefore);
}, 60_000);

describe('a Sentinel that does not answer when the node subscribes again', () => {
  /** A connection to the master whose Sentinel was away for a moment, and has not answered yet. */
  async function subscribingAgain(commandTimeoutMs: number) {
    const group = await startSentinels();
    onTestFinished(() => group.close());
    const [sentinel] = group.addresses;
    const view = await SentinelView.open(sentinel?.port ?? 0, new Map());
    onTestFinished(() => view.close());
    const sentinels = [{ host: '127.0.0.1', port: view.port }];
    const client = openServer({ ...nodeOptions({ sentinels, sentinelName: MASTER_NAME }), commandTimeoutMs });
    onTestFinished(() => client.disconnect());
    await connect(client);
    await eventually(() => view.subscribes === 1, 'the node waits for notices');
    view.isMute = true;
    view.cut();
    view.heal();
    await eventually(() => view.subscribes === 2, 'the node subscribes again');
    return client;
  }

  const rejections: unknown[] = [];
  const note = (error: unknown) => void rejections.push(error);
  beforeAll(() => void process.on('unhandledRejection', note));
  afterAll(() => void process.off('unhandledRejection', note));

  test('3.13 leaves no error to nobody when the connection to the master is opened again meanwhile', async () => {
    const client = await subscribingAgain(5000);
    client.disconnect();
    await eventually(() => client.status === 'end', 'the connection has ended');
    await setImmediate();
    expect(rejections).toEqual([]);
  });

  test('3.13 leaves no error to nobody when its answer does not come in time', async () => {
    const commandTimeoutMs = 200;
    const client = await subscribingAgain(commandTimeoutMs);
    // The same limit, begun later.
    await expect(client.call('WAIT', '9', '2000')).rejects.toThrow('Command timed out');
    await setImmediate();
    expect(rejections).toEqual([]);
  });
});
