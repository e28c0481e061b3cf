import { afterAll, beforeAll, vi } from 'vitest';
import { MAX_CACHED_BYTES } from '../../src/stores/memory/cached-events.ts';
import { openMemoryStores } from '../../src/stores/memory/index.ts';
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

const LIMITS = { idempotency: { keys: 5, answerBytes: 40 }, decisionLimits: { owners: 100, perOwner: 3 } };

const memory: Implementation = {
  open: () => openMemoryStores(undefined, 5, undefined, LIMITS),
  pass: (seconds) => void vi.advanceTimersByTime(seconds * 1000),
  cachedEventsBound: MAX_CACHED_BYTES,
};

beforeAll(() => {
  vi.useFakeTimers({ toFake: ['Date', 'setTimeout', 'clearTimeout'] });
  vi.spyOn(performance, 'now').mockImplementation(() => Date.now());
});
afterAll(() => void vi.useRealTimers().restoreAllMocks());

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
  contract(memory);
