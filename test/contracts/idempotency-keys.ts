import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { DIGEST_LENGTH } from '../../src/core/requests/idempotency.ts';
import { HOSTILE_NAMES, type Implementation, openStores } from './capabilities.ts';

const TTL_MS = 60_000;
const digest = (text: string): string => text.padEnd(DIGEST_LENGTH, '-');

/** The contract of `IdempotencyKeys`, for every implementation; it remembers 5 keys of an app and 40 bytes of answers. */
export function idempotencyKeysContract(implementation: Implementation): void {
  describe('idempotency keys', () => {
    let node: Awaited<ReturnType<typeof openStores>>;
    beforeEach(async () => {
      node = await openStores(implementation);
    });
    afterEach(() => node.close());

    const keyed = (key: string, app = 'a', request = 'one') => ({
      ...{ app, key: digest(key), request: digest(request) },
    });
    const claim = async (...request: Parameters<typeof keyed>) =>
      (await node.idempotencyKeys.claim(keyed(...request), TTL_MS)).use;
    const keep = (answer: string, ...request: Parameters<typeof keyed>) =>
      node.idempotencyKeys.keepAnswer(keyed(...request), answer);
    const answer = async (...request: Parameters<typeof keyed>) =>
      (await node.idempotencyKeys.claim(keyed(...request), TTL_MS)).answer;

    test('8.16 a key is bound to its first request, also when it arrives many times at once', async () => {
      const uses = await Promise.all(Array.from({ length: 20 }, () => claim('k')));
      expect(uses.filter((use) => use === 'first')).toHaveLength(1);
      expect(uses.filter((use) => use === 'repeated')).toHaveLength(19);
      expect(await claim('k', 'a', 'two')).toBe('other');
      expect(await claim('k')).toBe('repeated');
    });

    test('8.16 apps and keys are separate, whatever they are', async () => {
      for (const name of HOSTILE_NAMES) {
        expect(await claim('same', name)).toBe('first');
        expect(await claim('same', name)).toBe('repeated');
        expect(await claim(name, 'hostile-keys')).toBe('first');
      }
    });

    test('8.16 a key is free again after its time, which a repeated request does not prolong', async () => {
      await claim('k');
      await implementation.pass(30);
      expect(await claim('k', 'a', 'two')).toBe('other');
      expect(await claim('k')).toBe('repeated');
      await implementation.pass(40);
      expect(await claim('k', 'a', 'two')).toBe('first');
    });

    test('8.16 the first answer counts for all requests of a key, as long as the key is known', async () => {
      await claim('k');
      expect(await answer('k')).toBeUndefined();
      expect(await keep('{"a":1}', 'k')).toBe('{"a":1}');
      expect(await keep('{"a":2}', 'k')).toBe('{"a":1}');
      expect(await keep('{"a":3}', 'k', 'a', 'two')).toBe('{"a":3}');
      expect(await keep('{"a":4}', 'unknown')).toBe('{"a":4}');
      expect(await answer('k')).toBe('{"a":1}');
      await implementation.pass(61);
      expect(await claim('k')).toBe('first');
      expect(await answer('k')).toBeUndefined();
    });

    test('8.16 with more than the limit of keys the oldest is forgotten, and counted', async () => {
      for (const key of ['1', '2', '3', '4', '5']) expect(await claim(key)).toBe('first');
      for (const key of ['1', '2', '3', '4', '5']) expect(await claim(key)).toBe('repeated');
      expect(node.idempotencyKeys.forgotten).toBe(0);
      await implementation.pass(1);
      expect(await claim('6')).toBe('first');
      expect(node.idempotencyKeys.forgotten).toBe(1);
      for (const key of ['3', '4', '5', '6']) expect(await claim(key)).toBe('repeated');
    });

    test('8.16 answers beyond the limit of bytes are not kept, until others have gone', async () => {
      const [ten, thirty, one] = ['{"é":1234}'.slice(0, 9), 'x'.repeat(30), 'y'];
      expect(Buffer.byteLength(ten)).toBe(10);
      for (const key of ['1', '2', '3']) await claim(key);
      await keep(ten, '1');
      await keep(thirty, '2');
      await keep(one, '3');
      expect(await Promise.all(['1', '2', '3'].map((key) => answer(key)))).toEqual([ten, thirty, undefined]);
      await implementation.pass(61);
      await claim('4');
      await keep('z'.repeat(40), '4');
      expect(await answer('4')).toBe('z'.repeat(40));
    });

    test('8.16 an answer is freed with a key that is forgotten early', async () => {
      await claim('1');
      await keep('x'.repeat(40), '1');
      await implementation.pass(1);
      for (const key of ['2', '3', '4', '5', '6']) await claim(key);
      await keep('y'.repeat(40), '6');
      expect(await answer('6')).toBe('y'.repeat(40));
    });
  });
}
