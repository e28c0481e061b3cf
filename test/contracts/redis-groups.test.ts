import { afterAll, beforeAll, describe } from 'vitest';
import { openRedisStores, type RedisOptions } from '../../src/stores/redis/index.ts';
import { nodeOptions } from '../cluster/redis-node.ts';
import { FakeLogger } from '../core/fakes.ts';
import {
  MASTER_NAME,
  startCluster,
  startSentinels,
  type TestCluster,
  type TestSentinels,
} from '../support/redis-groups.ts';
import { brokerContract } from './broker.ts';
import type { Implementation } from './capabilities.ts';
import { cachedEventsContract } from './cached-events.ts';
import { connectionQuotaContract } from './connection-quota.ts';
import { idempotencyKeysContract } from './idempotency-keys.ts';
import { membershipContract } from './membership.ts';
import { pingContract } from './ping.ts';
import { publishedOnceContract } from './published-once.ts';
import { requestRateContract } from './request-rate.ts';

function contracts(where: () => Partial<RedisOptions>, pass: Implementation['pass']): void {
  const open = () =>
    openRedisStores(
      nodeOptions({ leaseMs: 12_000, idempotency: { keys: 5, answerBytes: 40 }, ...where() }),
      new FakeLogger(),
    );
  for (const contract of [
    brokerContract,
    cachedEventsContract,
    membershipContract,
    connectionQuotaContract,
    publishedOnceContract,
    requestRateContract,
    idempotencyKeysContract,
    pingContract,
  ])
    contract({ open, pass, isShared: true });
}

describe('over Sentinel', () => {
  let sentinels: TestSentinels;
  beforeAll(async () => void (sentinels = await startSentinels()));
  afterAll(() => sentinels.close());
  contracts(
    () => ({ sentinels: sentinels.addresses, sentinelName: MASTER_NAME }),
    async (seconds) => (await sentinels.master()).advanceTime(seconds),
  );
});

describe('over a Cluster', () => {
  let cluster: TestCluster;
  beforeAll(async () => void (cluster = await startCluster()));
  afterAll(() => cluster.close());
  contracts(
    () => ({ cluster: cluster.addresses }),
    (seconds) => cluster.advanceTime(seconds),
  );
});
