import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { HOSTILE_NAMES, type Implementation, openStores } from './capabilities.ts';

/** The contract of `ReplayGuard`, for every implementation; it stores 5 signatures of an app. */
export function replayGuardContract(implementation: Implementation): void {
  describe('replay guard', () => {
    let node: Awaited<ReturnType<typeof openStores>>;
    beforeEach(async () => {
      node = await openStores(implementation);
    });
    afterEach(() => node.close());

    const take = (signature: string, app = 'a', ttlMs = 60_000) =>
      node.replayGuard.take(app, signature, ttlMs);

    test('8.2 a signature is accepted once, also when it arrives many times at once', async () => {
      const answers = await Promise.all(Array.from({ length: 20 }, () => take('one')));
      expect(answers.filter(Boolean)).toHaveLength(1);
      expect(await take('one')).toBe(false);
      expect(await take('two')).toBe(true);
    });

    test('8.2 apps are separate, whatever their ids and the signatures are', async () => {
      for (const name of HOSTILE_NAMES) {
        expect(await take('same', name)).toBe(true);
        expect(await take('same', name)).toBe(false);
        expect(await take(name, 'hostile-signatures')).toBe(true);
      }
    });

    test('8.2 a signature is accepted again after it has expired; without an expiry never', async () => {
      await take('short', 'a', 10_000);
      await take('forever', 'a', 0);
      await implementation.pass(9);
      expect(await take('short', 'a', 10_000)).toBe(false);
      await implementation.pass(2);
      expect(await take('short', 'a', 10_000)).toBe(true);
      await implementation.pass(100_000);
      expect(await take('forever', 'a', 0)).toBe(false);
    });

    test('8.2 above the limit the oldest signatures are evicted, and counted', async () => {
      for (const signature of ['1', '2', '3', '4', '5']) expect(await take(signature)).toBe(true);
      expect(await take('1')).toBe(false);
      expect(node.replayGuard.forgotten).toBe(0);
      await implementation.pass(1);
      expect(await take('6')).toBe(true);
      expect(node.replayGuard.forgotten).toBe(1);
      for (const signature of ['3', '4', '5', '6']) expect(await take(signature)).toBe(false);
    });
  });
}
