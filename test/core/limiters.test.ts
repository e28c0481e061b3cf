import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FixedWindow, TokenBucket } from '../../src/core/client/limiters.ts';

const NOW = 1_800_000_000_000;

const times = <T>(count: number, act: (at: number) => T): T[] =>
  Array.from({ length: count }, (_, at) => act(at));

describe('token bucket', () => {
  test('5.5 lets exactly the burst through at once', () => {
    const bucket = new TokenBucket(10, 15, NOW);
    expect(times(15, () => bucket.take(NOW))).not.toContain(false);
    expect(bucket.take(NOW)).toBe(false);
  });

  test('5.5 fills at its rate and never above its burst', () => {
    const bucket = new TokenBucket(10, 10, NOW);
    times(10, () => bucket.take(NOW));
    expect(bucket.take(NOW + 99)).toBe(false);
    expect(bucket.take(NOW + 100)).toBe(true);
    expect(bucket.take(NOW + 100)).toBe(false);
    expect(times(11, () => bucket.take(NOW + 3_600_000)).filter(Boolean)).toHaveLength(10);
  });

  test('2.12 returns the wait of the next one, and counts the one that waited', () => {
    const bucket = new TokenBucket(10, 2, NOW);
    expect(bucket.msUntilNext(NOW)).toBe(0);
    times(2, () => bucket.take(NOW));
    expect(bucket.msUntilNext(NOW)).toBeCloseTo(100);
    expect(bucket.msUntilNext(NOW + 40)).toBeCloseTo(60);
    // A timer that was early by a millisecond.
    bucket.takeUnchecked(NOW + 99);
    expect(bucket.msUntilNext(NOW + 99)).toBeCloseTo(100);
    expect(bucket.take(NOW + 198)).toBe(false);
    expect(bucket.take(NOW + 200)).toBe(true);
  });

  test('5.5 never lets more through than burst + rate × time, whenever it is asked', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 100 }),
        fc.integer({ min: 1, max: 50 }),
        fc.array(fc.integer({ min: 0, max: 500 }), { maxLength: 200 }),
        (rate, burst, pauses) => {
          const bucket = new TokenBucket(rate, burst, NOW);
          let now = NOW;
          let taken = 0;
          for (const pause of pauses) {
            now += pause;
            if (bucket.take(now)) taken += 1;
          }
          expect(taken).toBeLessThanOrEqual(burst + ((now - NOW) * rate) / 1000 + 1e-6);
        },
      ),
    );
  });
});

describe("fixed window, Laravel's RateLimiter", () => {
  test('2.12 lets n through and refuses n + 1', () => {
    const window = new FixedWindow(3, 60);
    expect(times(5, () => window.take(NOW))).toEqual([true, true, true, false, false]);
  });

  test('2.12 begins with the first message and ends on the millisecond', () => {
    const window = new FixedWindow(2, 10);
    window.take(NOW);
    window.take(NOW + 9000);
    expect(window.take(NOW + 9999)).toBe(false);
    expect(window.take(NOW + 10_000)).toBe(true);
    expect(window.take(NOW + 19_999)).toBe(true);
    expect(window.take(NOW + 19_999)).toBe(false);
    expect(window.take(NOW + 20_000)).toBe(true);
  });

  test('2.12 does not grow longer by messages that it refuses', () => {
    const window = new FixedWindow(1, 1);
    window.take(NOW);
    times(900, (at) => window.take(NOW + at));
    expect(window.take(NOW + 1000)).toBe(true);
  });
});
