/** The cleanup of a node that has stopped. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Redis } from 'ioredis';
import { startRedis, type TestRedis } from '../support/redis.ts';
import { eventually } from '../support/wire.ts';
import { openNode, nodeOptions } from './redis-node.ts';

let redis: TestRedis;
let client: Redis;
beforeAll(async () => {
  redis = await startRedis();
  client = new Redis(redis.port);
});
afterAll(async () => {
  client.disconnect();
  await redis.close();
});

test('4.4 logs a removed node once, though each of its partitions is cleaned up separately', async () => {
  const node = await openNode(nodeOptions({ port: redis.port, leaseMs: 1000 }));
  const leases = (await client.keys('*')).filter((key) => key.endsWith(':nodes'));
  expect(leases).toHaveLength(16);
  for (const key of leases) await client.zadd(key, 1, 'ended-node');
  const isCleanedUp = async (key: string): Promise<boolean> =>
    (await client.zscore(key, 'ended-node')) === null;
  await eventually(
    async () => (await Promise.all(leases.map(isCleanedUp))).every(Boolean),
    'the node is removed',
  );
  await eventually(() => node.logger.warnings.length > 0, 'it is logged');
  expect(node.logger.warnings).toEqual([
    {
      message: expect.stringMatching(/^Another node has not renewed its lease /) as string,
      details: { node: 'ended-node', members: 0, channels: 0 },
    },
  ]);
});
