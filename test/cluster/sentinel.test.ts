import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Redis } from 'ioredis';
import { openRedisStores } from '../../src/stores/redis/index.ts';
import { Keys } from '../../src/stores/redis/keys.ts';
import { FakeLogger } from '../core/fakes.ts';
import { MASTER_NAME, startSentinels, type TestSentinels } from '../support/redis-groups.ts';
import type { TestRedis } from '../support/redis.ts';
import { eventually } from '../support/wire.ts';
import { channelOf, member, openNode, nodeOptions } from './redis-node.ts';

/** By then every node has compared. */
const AFTER_SETTLING_MS = 2000;
const SETTLING_LIMIT_MS = 15_000;
const ROOM = channelOf('presence-room');
const ORDERS = channelOf('orders');

let sentinels: TestSentinels;
beforeAll(async () => void (sentinels = await startSentinels({ password: 'hush' })));
afterAll(() => sentinels.close());

const options = () =>
  nodeOptions({ sentinels: sentinels.addresses, sentinelName: MASTER_NAME, sentinelPassword: 'hush' });

/** State that one of the partitions keeps of the generation of its data. */
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
  const start = (differing: object) => openRedisStores({ ...options(), ...differing }, new FakeLogger());

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

test('4.4 after a failover publishing works again soon, nodes write their members again, and clients receive no false change', async () => {
  const where = options();
  const [a, b] = [await openNode(where), await openNode(where)];
  for (const [node, id] of [
    [a, '1'],
    [b, '2'],
  ] as const) {
    await node.broker.subscribe(ROOM);
    await node.broker.subscribe(ORDERS);
    await node.membership.join(ROOM, { subscriptions: 1, member: member(id), socketId: '1.1' });
    await node.membership.join(ORDERS, { subscriptions: 1, socketId: '1.1' });
  }
  await a.insist(ORDERS, 'before');
  await a.insist(ROOM, 'before');
  for (const node of [a, b]) {
    await eventually(() => node.payloads('orders').includes('before'), 'both hear it');
    await eventually(() => node.payloads('presence-room').includes('before'), 'both hear it');
  }
  const before = await sentinels.master();
  const { generation } = await stateAt(before, where);
  const news = () => [a, b].map((node) => node.payloads('presence-room').length);
  const known = news();

  await before.kill();
  const killedAt = Date.now();
  await eventually(() => !a.isReady() && !b.isReady(), 'both nodes notice');
  const refusals = await a.insist(ORDERS, 'after');
  expect(refusals).toBeGreaterThan(0);
  expect(Date.now() - killedAt).toBeLessThan(12_000);
  await Promise.all([a.ready(), b.ready()]);
  for (const node of [a, b])
    await eventually(() => node.payloads('orders').includes('after'), 'both hear it');

  const after = await sentinels.master();
  expect(after.port).not.toBe(before.port);
  expect((await stateAt(after, where)).generation).toBeGreaterThan(generation);
  // All is told again within the settling time, and compared with what clients know after it.
  await eventually(
    async () => (await stateAt(after, where)).settlingMs < -AFTER_SETTLING_MS,
    'the settling is over',
    SETTLING_LIMIT_MS,
  );
  for (const node of [a, b]) {
    const ids = (await node.membership.members(ROOM)).map(({ id }) => id).sort();
    expect(ids).toEqual(['1', '2']);
    expect(await node.membership.occupancy(ORDERS)).toMatchObject({ subscriptions: 2 });
    expect(node.payloads('orders')).toEqual(['before', 'after']);
    const words = node.logger.warnings.map(({ message }) => message);
    expect(words.filter((what) => what.startsWith('Lost the connection to Redis'))).toHaveLength(1);
    expect(words.filter((what) => what === 'Reconnected to Redis')).toHaveLength(1);
  }
  expect(news()).toEqual(known);
}, 60_000);
