import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { HOSTILE_NAMES, type Implementation, openStores } from './capabilities.ts';
import { waitFor } from '../support/wait-for.ts';

/** The contract of the connection quota, for every implementation. */
export function connectionQuotaContract(implementation: Implementation): void {
  describe('connection quota', () => {
    let node: Awaited<ReturnType<typeof openStores>>;
    beforeEach(async () => {
      node = await openStores(implementation);
    });
    afterEach(() => node.close());

    const admitted = async (app: string, limit: number, times: number) => {
      const answers: boolean[] = [];
      for (let at = 0; at < times; at += 1) answers.push(await node.quota.admit(app, limit));
      return answers;
    };
    const count = (app: string, expected: number) =>
      waitFor(async () => expect(await node.quota.connections(app)).toBe(expected));

    test('2.7 the n-th connection is admitted, the one after it is not', async () => {
      expect(await admitted('a', 3, 5)).toEqual([true, true, true, false, false]);
      await count('a', 3);
    });

    test('2.7 connections that open at once are not more than the limit', async () => {
      const answers = await Promise.all(Array.from({ length: 20 }, () => node.quota.admit('a', 7)));
      expect(answers.filter(Boolean)).toHaveLength(7);
      await count('a', 7);
    });

    test('2.7 a limit of 0 means no limit', async () => {
      expect(await admitted('a', 0, 50)).toEqual(Array.from({ length: 50 }, () => true));
      await count('a', 50);
    });

    test('2.7 a closed connection makes room for exactly one other', async () => {
      await admitted('a', 2, 2);
      node.quota.dismiss('a');
      await count('a', 1);
      expect(await admitted('a', 2, 2)).toEqual([true, false]);
    });

    test('2.7 a refused connection is not counted', async () => {
      await admitted('a', 1, 3);
      node.quota.dismiss('a');
      await count('a', 0);
      expect(await admitted('a', 1, 2)).toEqual([true, false]);
    });

    test('2.7 a limit that was lowered refuses until enough have closed', async () => {
      await admitted('a', 0, 3);
      expect(await admitted('a', 2, 1)).toEqual([false]);
      node.quota.dismiss('a');
      node.quota.dismiss('a');
      await count('a', 1);
      expect(await admitted('a', 2, 2)).toEqual([true, false]);
    });

    test('2.7 dismissing a connection that was never admitted makes no room', async () => {
      node.quota.dismiss('a');
      node.quota.dismiss('a');
      expect(await admitted('a', 1, 2)).toEqual([true, false]);
      await count('a', 1);
    });

    test('8.10 an app without connections has a count of 0', async () => {
      expect(await node.quota.connections('unknown')).toBe(0);
    });

    test('8.10 apps are separate, whatever their ids are', async () => {
      for (const [at, app] of HOSTILE_NAMES.entries()) {
        expect(await node.quota.connections(app)).toBe(0);
        await admitted(app, 1 + at, 2 + at);
      }
      for (const [at, app] of HOSTILE_NAMES.entries()) await count(app, 1 + at);
      node.quota.dismiss('__proto__');
      await count('__proto__', 0);
      await count('constructor', 2);
    });
  });
}
