import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Rate } from '../../src/core/ports/nodes/request-rate.ts';
import { HOSTILE_NAMES, type Implementation, openStores } from './capabilities.ts';
import { waitFor } from '../support/wait-for.ts';

const SLOW: Rate = { perSecond: 1, burst: 4 };

/** The contract of `RequestRate`, for every implementation. */
export function requestRateContract(implementation: Implementation): void {
  describe('request rate', () => {
    let node: Awaited<ReturnType<typeof openStores>>;
    beforeEach(async () => {
      node = await openStores(implementation);
    });
    afterEach(() => node.close());

    const take = (app = 'a', rate = SLOW) => node.requestRate.take(app, rate);
    /** Takes until none is there; all but the last answer. */
    const takeAll = async (app = 'a', rate = SLOW) => {
      const left: number[] = [];
      for (let answer = await take(app, rate); answer.isTaken; answer = await take(app, rate))
        left.push(answer.remaining);
      return left;
    };

    test('8.15 the burst is accepted, the request after it is not; the answer says what is left', async () => {
      expect(await takeAll()).toEqual([3, 2, 1, 0]);
      const refused = await take();
      expect(refused).toMatchObject({ isTaken: false, remaining: 0 });
      expect(refused.waitMs).toBeGreaterThan(0);
      expect(refused.waitMs).toBeLessThanOrEqual(1000);
    });

    test('8.15 requests that arrive at once are not more than the burst', async () => {
      const answers = await Promise.all(Array.from({ length: 20 }, () => take()));
      expect(answers.filter(({ isTaken }) => isTaken)).toHaveLength(4);
    });

    test('8.15 after the time that a refusal names, a token is there', async () => {
      const rate = { perSecond: 10, burst: 2 };
      await takeAll('a', rate);
      const { waitMs } = await take('a', rate);
      expect(waitMs).toBeLessThanOrEqual(100);
      await waitFor(async () => expect(await take('a', rate)).toMatchObject({ isTaken: true, waitMs: 0 }));
    });

    test('8.15 apps have buckets of their own, whatever their ids are', async () => {
      for (const app of HOSTILE_NAMES) expect(await takeAll(app)).toHaveLength(4);
    });

    test('8.15 a bucket never holds more than the burst, however long the pause is', async () => {
      await takeAll();
      await implementation.pass(3600);
      await waitFor(async () => expect((await take()).isTaken).toBe(true), 3000);
      expect((await takeAll()).length).toBeLessThanOrEqual(4);
    });

    test('8.15 a limit that was lowered holds at once, and refuses no longer than an empty bucket needs', async () => {
      const high = { perSecond: 1, burst: 1000 };
      await Promise.all(Array.from({ length: 1000 }, () => take('a', high)));
      const low = { perSecond: 10, burst: 2 };
      expect((await takeAll('a', low)).length).toBeLessThanOrEqual(1);
      await waitFor(async () => expect((await take('a', low)).isTaken).toBe(true), 3000);
    });
  });
}
