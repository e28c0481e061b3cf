import { afterAll, beforeAll, vi } from 'vitest';
import { HISTORY_BYTES } from '../../src/stores/memory/history.ts';
import { openMemoryStores } from '../../src/stores/memory/index.ts';
import { brokerContract } from './broker.ts';
import type { Implementation } from './capabilities.ts';
import { historyContract } from './history.ts';
import { leaseContract } from './connection-quota.ts';
import { membershipContract } from './membership.ts';
import { replaysContract } from './replays.ts';
import { stateContract } from './state.ts';

const memory: Implementation = {
  open: () => openMemoryStores(undefined, 5),
  pass: (seconds) => void vi.advanceTimersByTime(seconds * 1000),
  historyBound: HISTORY_BYTES,
};

beforeAll(() => {
  vi.useFakeTimers({ toFake: ['Date', 'setTimeout', 'clearTimeout'] });
  vi.spyOn(performance, 'now').mockImplementation(() => Date.now());
});
afterAll(() => void vi.useRealTimers().restoreAllMocks());

for (const contract of [
  brokerContract,
  historyContract,
  membershipContract,
  leaseContract,
  replaysContract,
  stateContract,
])
  contract(memory);
