import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { HISTORY_BYTES, MemoryHistory } from '../../src/stores/memory/history.ts';
import { historyContract } from './history.contract.ts';
import { memoryCapabilities, openMemory } from './memory.ts';
import { ref } from './subject.ts';

beforeEach(() => void vi.useFakeTimers({ toFake: ['performance', 'setTimeout', 'clearTimeout'] }));
afterEach(() => void vi.useRealTimers());

describe('the history in memory', () => historyContract(openMemory, memoryCapabilities));

test('3.10 it has a bound, and forgets the channel that was silent longest', async () => {
  const history = new MemoryHistory();
  const keep = { size: 1, ttlSeconds: 60 };
  const mebibyte = 'x'.repeat(1024 * 1024);
  for (let at = 0; at < HISTORY_BYTES / mebibyte.length + 1; at += 1)
    history.remember(ref(`cache-${at}`), mebibyte, keep);
  expect(await history.last(ref('cache-0'))).toBeUndefined();
  expect(await history.last(ref('cache-64'))).toBeDefined();
});
