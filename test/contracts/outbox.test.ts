import { afterAll, beforeAll } from 'vitest';
import { openMemoryStores } from '../../src/stores/memory/index.ts';
import { openRedisStores } from '../../src/stores/redis/index.ts';
import { nodeOptions } from '../cluster/redis-node.ts';
import { FakeLogger } from '../core/fakes.ts';
import { startRedis, type TestRedis } from '../support/redis.ts';
import { outboxContract, wishesOf } from './outbox.ts';

let redis: TestRedis;
beforeAll(async () => void (redis = await startRedis()));
afterAll(() => redis.close());

outboxContract('in memory', () => openMemoryStores(undefined, 5, wishesOf()));
outboxContract('in Redis', () =>
  openRedisStores(
    nodeOptions({ port: redis.port, leaseMs: 12_000, partitions: 1, webhooks: wishesOf() }),
    new FakeLogger(),
  ),
);
