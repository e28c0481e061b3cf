import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { backoffMs } from '../../src/core/util/backoff.ts';
import { sleep, within } from '../../src/core/util/time.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe('waiting', () => {
  test('2.13 a sleep ends after its time, or when its signal is aborted, and leaves no timer behind', async () => {
    const timed = sleep(100);
    await vi.advanceTimersByTimeAsync(100);
    await timed;
    const ended = new AbortController();
    const cut = sleep(60_000, ended.signal);
    ended.abort();
    await cut;
    await sleep(60_000, ended.signal);
    expect(vi.getTimerCount()).toBe(0);
  });

  test('11.6 a task is awaited for so long and no longer', async () => {
    expect(await within(Promise.resolve('done'), 100)).toBe('done');
    await expect(within(Promise.reject(new Error('failed')), 100)).rejects.toThrow('failed');
    const never = new Promise<string>(() => undefined);
    const late = within(never, 100, () => 'late');
    const thrown = within(never, 100, () => {
      throw new Error('too late');
    });
    const refused = expect(thrown).rejects.toThrow('too late');
    await vi.advanceTimersByTimeAsync(100);
    expect(await late).toBe('late');
    await refused;
    expect(vi.getTimerCount()).toBe(0);
  });

  test('11.13 the pause before a retry doubles up to its limit, times a random factor', () => {
    const limits = { firstMs: 100, mostMs: 1000 };
    expect([0, 1, 2, 3, 4, 5000, Infinity].map((retry) => backoffMs(retry, limits))).toEqual([
      100, 200, 400, 800, 1000, 1000, 1000,
    ]);
    for (let each = 0; each < 100; each += 1) {
      const pauseMs = backoffMs(1, { ...limits, jitter: [0.5, 1.5] });
      expect(pauseMs).toBeGreaterThanOrEqual(100);
      expect(pauseMs).toBeLessThan(300);
    }
  });
});
