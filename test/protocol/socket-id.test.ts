import { afterEach, expect, test, vi } from 'vitest';
import { isSocketId, newSocketId } from '#protocol';
import vectors from '../../protocol/vectors/channels.json' with { type: 'json' };

/** Files share their modules: one that still has numbers of a false source would give other files the ids `1.1`. */
afterEach(() => void vi.restoreAllMocks().resetModules());

/** Ids from a random source that answers these numbers, one after another; none that were drawn before are left. */
async function idsFrom(...values: number[]): Promise<() => string> {
  vi.spyOn(crypto, 'getRandomValues').mockImplementation((array) => {
    (array as Uint32Array).set(values);
    return array;
  });
  vi.resetModules();
  return (await import('#protocol')).newSocketId;
}

test.each(vectors.socketIds)('$rule "$text" is a socket id: $valid', ({ text, valid }) => {
  expect(isSocketId(text)).toBe(valid);
});

test('2.4 new ids are socket ids, both parts from 1 to 10^9, all different', () => {
  const ids = Array.from({ length: 10_000 }, newSocketId);
  expect(new Set(ids).size).toBe(ids.length);
  for (const id of ids) {
    expect(isSocketId(id)).toBe(true);
    for (const part of id.split('.').map(Number)) {
      expect(part).toBeGreaterThanOrEqual(1);
      expect(part).toBeLessThanOrEqual(1_000_000_000);
    }
  }
});

test('2.4 draws the smallest and the largest number too', async () => {
  const newId = await idsFrom(0, 999_999_999);
  expect(newId()).toBe('1.1000000000');
});

test('2.4 draws again where a number would favour small ones', async () => {
  const newId = await idsFrom(4_294_967_295, 4_000_000_000, 3_999_999_999, 1_000_000_000);
  expect(newId()).toBe('1000000000.1');
});

test('2.4 uses all drawn numbers before it draws more', async () => {
  const source = vi.spyOn(crypto, 'getRandomValues');
  const newId = await idsFrom();
  for (let at = 0; at < 1000; at += 1) newId();
  const calls = source.mock.calls.length;
  expect(calls).toBeGreaterThan(1);
  expect(calls).toBeLessThan(20);
});

test('2.4 a text that is too long is refused before any regular expression runs', () => {
  const expression = vi.spyOn(RegExp.prototype, 'test');
  expect(isSocketId('1'.repeat(50_000))).toBe(false);
  expect(expression).not.toHaveBeenCalled();
});
