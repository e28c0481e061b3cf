import { afterAll, beforeAll } from 'vitest';
import { openRedisStores } from '../../src/stores/redis/index.ts';
import { startRedis, type TestRedis } from '../support/redis.ts';
import { FakeLogger } from '../core/fakes.ts';
import { brokerContract } from './broker.ts';
import type { Implementation } from './capabilities.ts';
import { cachedEventsContract } from './cached-events.ts';
import { connectionQuotaContract } from './connection-quota.ts';
import { decisionsContract } from './decisions.ts';
import { historyContract } from './history.ts';
import { idempotencyKeysContract } from './idempotency-keys.ts';
import { membershipContract } from './membership.ts';
import { pingContract } from './ping.ts';
import { publishedOnceContract } from './published-once.ts';
import { replayGuardContract } from './replay-guard.ts';
import { requestRateContract } from './request-rate.ts';
import { nodeQuestionsContract } from './node-questions.ts';
import { sessionNodesContract } from './session-nodes.ts';
import { stateContract } from './state.ts';
import { tabStoreContract } from './tab-store.ts';

let redis: TestRedis;
let opened = 0;
const implementation: Implementation = {
  open: () => openRedisStores({ ...redisOptions(redis.port), keyPrefix: `t${opened++}:` }, new FakeLogger()),
  pass: (seconds) => redis.advanceTime(seconds),
  isShared: true,
};

beforeAll(async () => void (redis = await startRedis()));
afterAll(() => redis.close());

for (const contract of [
  brokerContract,
  cachedEventsContract,
  membershipContract,
  connectionQuotaContract,
  publishedOnceContract,
  requestRateContract,
  idempotencyKeysContract,
  pingContract,
  replayGuardContract,
  decisionsContract,
  sessionNodesContract,
  nodeQuestionsContract,
  stateContract,
  historyContract,
  tabStoreContract,
])
  contract(implementation);

export const redisOptions = (port: number) => ({
  host: '127.0.0.1',
  port,
  database: 0,
  tls: false,
  partitions: 16,
  replaySignatures: 5,
  decisionLimits: { owners: 1600, perOwner: 3 },
  idempotency: { keys: 5, answerBytes: 40 },
  leaseMs: 12_000,
  commandTimeoutMs: 1000,
});
