/** Requests to the shared bucket that a node makes, with a bucket of the test's own. */
import { beforeEach, describe, expect, test } from 'vitest';
import { type Grant, TokenLease } from '../../../src/stores/redis/requests/token-lease.ts';

const RATE = { perSecond: 1000, burst: 1000 };
const PORTION = 50;

let lease: TokenLease;
/** Tokens that were asked for, in each request to the bucket. */
let wanted: number[];
let there: number;
let answer: (grant: Grant) => Promise<Grant>;

beforeEach(() => {
  [wanted, there, answer] = [[], 1_000_000, (grant) => Promise.resolve(grant)];
  lease = new TokenLease((_, most) => {
    wanted.push(most);
    const taken = Math.min(most, there);
    there -= taken;
    return answer({ taken, left: there, waitMs: 60_000, nodes: 4 });
  });
});

const take = async (times: number, rate = RATE) => {
  const answers = await Promise.all(Array.from({ length: times }, () => lease.take(rate)));
  return answers.filter(({ isTaken }) => isTaken).length;
};

describe('the tokens that a node holds', () => {
  test('8.15 requests wait for the bucket once, and after that they are served from tokens taken in advance', async () => {
    expect(await take(1)).toBe(1);
    expect(wanted).toEqual([1 + PORTION]);
    let release: () => void = () => undefined;
    answer = (grant) => new Promise((resolve) => (release = () => resolve(grant)));
    for (let at = 0; at < PORTION; at += 1) expect(await take(1)).toBe(1);
    // The next portion was requested while half of this one was left.
    expect(wanted).toHaveLength(2);
    const waiting = take(1);
    release();
    expect(await waiting).toBe(1);
  });

  test('8.15 all requests that wait share one request to the bucket', async () => {
    expect(await take(500)).toBe(500);
    expect(wanted.length).toBeLessThanOrEqual(3);
  });

  test('8.15 an empty bucket is not asked again before it has a portion', async () => {
    there = 3;
    expect(await take(1000)).toBe(3);
    const asked = wanted.length;
    expect(await take(1000)).toBe(0);
    expect(wanted).toHaveLength(asked);
  });

  test('8.15 at a low rate one token is held', async () => {
    expect(await take(1, { perSecond: 1, burst: 1 })).toBe(1);
    expect(wanted).toEqual([2]);
  });

  test('8.15 without the bucket a node has its share of the burst, and the whole bucket again afterwards', async () => {
    expect(await take(1)).toBe(1);
    answer = () => Promise.reject(new Error('away'));
    const without = await take(5000);
    // The tokens that it held, its share of the burst (4 nodes), and what comes in a second at most.
    expect(without).toBeGreaterThanOrEqual(RATE.burst / 4);
    expect(without).toBeLessThanOrEqual(PORTION + RATE.burst / 4 + RATE.perSecond / 4);
    const asked = wanted.length;
    await take(100);
    expect(wanted.length - asked).toBeLessThanOrEqual(1);
    answer = (grant) => Promise.resolve(grant);
    await expect.poll(() => take(600)).toBe(600);
  });
});
