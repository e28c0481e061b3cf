import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { EchoBook } from '../../../src/cutover/bridge/echo/echo-book.ts';

const KEYS = ['x', 'y'] as const;

interface Step {
  /** Published at the node, published at the upstream, or an event of the upstream that arrives. */
  readonly kind: 'node' | 'upstream' | 'arrival';
  readonly key: (typeof KEYS)[number];
  /** Picks the event that arrives next: an upstream of several nodes may change their order. */
  readonly pick: number;
}

const step = fc.record({
  kind: fc.constantFrom('node', 'node', 'upstream', 'arrival', 'arrival', 'arrival'),
  key: fc.constantFrom(...KEYS),
  pick: fc.nat(20),
}) as fc.Arbitrary<Step>;

describe('the echo book', () => {
  test('11.8 delivers each of several equal events of both sides exactly once, in any interleaving', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const book = new EchoBook(1000);
        const inFlight: string[] = [];
        const published = { x: 0, y: 0 };
        const delivered = { x: 0, y: 0 };
        const arrive = (at: number): void => {
          const [key] = inFlight.splice(at, 1) as [Step['key']];
          if (!book.consume('c', key)) delivered[key] += 1;
        };
        for (const { kind, key, pick } of steps) {
          if (kind === 'node') {
            delivered[key] += 1;
            book.expect('c', key);
          }
          if (kind === 'arrival' && inFlight.length > 0) arrive(pick % inFlight.length);
          if (kind === 'arrival') continue;
          published[key] += 1;
          inFlight.push(key);
        }
        while (inFlight.length > 0) arrive(0);
        expect(delivered).toEqual(published);
        expect(book.size).toBe(0);
      }),
    );
  });

  test('11.8 forgotten and cleared echoes are closed and not awaited any more', () => {
    const book = new EchoBook(10);
    const [a, b, other] = [book.expect('c', 'x'), book.expect('c', 'x'), book.expect('d', 'x')];
    book.forget(a!);
    book.forget(a!);
    expect(book.size).toBe(2);
    book.clear('c');
    expect([a, b, other].map((echo) => echo?.isClosed)).toEqual([true, true, false]);
    expect(book.consume('c', 'x')).toBe(false);
    expect(book.consume('d', 'x')).toBe(true);
    expect(other).toMatchObject({ isReceived: true, isClosed: true });
    expect(book.size).toBe(0);
  });

  test('11.9 an equal client event of another user is not an echo', () => {
    const book = new EchoBook(10);
    book.expect('c', 'x', '7');
    expect(book.consume('c', 'x', '9')).toBe(false);
    expect(book.consume('c', 'x', '7')).toBe(true);
    book.expect('c', 'x', '7');
    expect(book.consume('c', 'x')).toBe(true);
  });

  test('11.8 holds a limited number of echoes', () => {
    const book = new EchoBook(3);
    const echoes = ['x', 'x', 'y', 'y'].map((key) => book.expect('c', key));
    expect(echoes.map((echo) => echo !== undefined)).toEqual([true, true, true, false]);
    book.consume('c', 'x');
    expect(book.expect('c', 'y')).toBeDefined();
  });
});
