import { afterAll, beforeAll, describe, vi } from 'vitest';
import { withHandover } from '../../src/stores/handover/index.ts';
import { MAX_CACHED_BYTES } from '../../src/stores/memory/cached-events.ts';
import { openMemoryStores } from '../../src/stores/memory/index.ts';
import { linkPair } from '../support/process-links.ts';
import { brokerContract } from './broker.ts';
import { cachedEventsContract } from './cached-events.ts';
import type { Implementation } from './capabilities.ts';
import { connectionQuotaContract } from './connection-quota.ts';
import { decisionsContract } from './decisions.ts';
import { historyContract } from './history.ts';
import { idempotencyKeysContract } from './idempotency-keys.ts';
import { membershipContract } from './membership.ts';
import { publishedOnceContract } from './published-once.ts';
import { replayGuardContract } from './replay-guard.ts';
import { requestRateContract } from './request-rate.ts';
import { nodeQuestionsContract } from './node-questions.ts';
import { sessionNodesContract } from './session-nodes.ts';
import { stateContract } from './state.ts';
import { tabStoreContract } from './tab-store.ts';

const LIMITS = { idempotency: { keys: 5, answerBytes: 40 }, decisionLimits: { owners: 100, perOwner: 3 } };

const ofOneProcess = () => withHandover(openMemoryStores(undefined, 5, undefined, LIMITS));

/** Opens the stores of two processes, of which the second replaces the first. */
async function openBoth() {
  const [earlier, later] = [ofOneProcess(), ofOneProcess()];
  const [there, here] = linkPair();
  await Promise.all([earlier.handover?.give(there), later.handover?.take(here)]);
  return { earlier, later };
}

const base: Omit<Implementation, 'open'> = {
  pass: (seconds) => void vi.advanceTimersByTime(seconds * 1000),
  cachedEventsBound: MAX_CACHED_BYTES,
};

const REPLACED = 'of a process that is replaced';
const PLACES: readonly [place: string, open: Implementation['open']][] = [
  ['of a process that replaces no other', ofOneProcess],
  [REPLACED, async () => (await openBoth()).earlier],
  ['of the process that replaces it', async () => (await openBoth()).later],
];

beforeAll(() => {
  vi.useFakeTimers({ toFake: ['Date', 'setTimeout', 'clearTimeout'] });
  vi.spyOn(performance, 'now').mockImplementation(() => Date.now());
});
afterAll(() => void vi.useRealTimers().restoreAllMocks());

describe.each(PLACES)('stores %s', (place, open) => {
  for (const contract of [
    brokerContract,
    cachedEventsContract,
    membershipContract,
    connectionQuotaContract,
    decisionsContract,
    publishedOnceContract,
    requestRateContract,
    sessionNodesContract,
    nodeQuestionsContract,
    stateContract,
    historyContract,
    tabStoreContract,
  ])
    contract({ ...base, open });
  // A process that is replaced does not count the signatures and keys that the other one forgets.
  if (place === REPLACED) return;
  replayGuardContract({ ...base, open });
  idempotencyKeysContract({ ...base, open });
});
