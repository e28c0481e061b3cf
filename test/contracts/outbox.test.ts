import { afterAll, beforeAll } from 'vitest';
import { openMemoryStores } from '../../src/stores/memory/index.ts';
import { openRedisStores } from '../../src/stores/redis/index.ts';
import { nodeOptions } from '../cluster/redis-node.ts';
import { FakeLogger } from '../core/fakes.ts';
import { startRedis, type TestRedis } from '../support/redis.ts';
import { outboxContract } from './outbox.ts';

let redis: TestRedis;
beforeAll(async () => void (redis = await startRedis()));
afterAll(() => redis.close());

outboxContract('in memory', (webhooks) => openMemoryStores(undefined, 5, webhooks));
outboxContract('in Redis', (webhooks) =>
  openRedisStores(
    nodeOptions({ port: redis.port, leaseMs: 12_000, partitions: 1, webhooks }),
    new FakeLogger(),
  ),
);
