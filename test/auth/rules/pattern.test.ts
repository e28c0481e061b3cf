import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { kindOf } from '#protocol';
import { parsePattern, PatternError } from '../../../src/auth/rules/pattern.ts';

const capturesOf = (pattern: string, channel: string): object | undefined => {
  const found = parsePattern(pattern).match(channel);
  return found && Object.fromEntries(found);
};

describe('patterns', () => {
  test.each([
    ['private-orders.{order}', 'private-orders.7', { order: '7' }],
    ['private-orders.{order}', 'private-orders.7-a_b=c', { order: '7-a_b=c' }],
    ['private-orders.{order}.items.{item}', 'private-orders.7.items.8', { order: '7', item: '8' }],
    ['private-App.Models.User.{id}', 'private-App.Models.User.7', { id: '7' }],
    ['presence-{room}', 'presence-lobby', { room: 'lobby' }],
    ['private-user-{id}-inbox', 'private-user-7-inbox', { id: '7' }],
    ['private-user-{id}-inbox', 'private-user--inbox-inbox', { id: '-inbox' }],
    ['private-*', 'private-a.b.c', {}],
    ['private-orders.*', 'private-orders.7.items', {}],
    ['private-orders.{order}.*', 'private-orders.7.items.8', { order: '7' }],
    ['private-orders', 'private-orders', {}],
    ['private-a{b}c', 'private-aac', { b: 'a' }],
    ['private-{__proto__}', 'private-7', JSON.parse('{"__proto__":"7"}') as object],
  ])('15.4 %s covers %s', (pattern, channel, captures) => {
    expect(capturesOf(pattern, channel)).toEqual(captures);
  });

  test.each([
    ['private-orders.{order}', 'private-orders.'],
    ['private-orders.{order}', 'private-orders'],
    ['private-orders.{order}', 'private-orders.7.items'],
    ['private-orders.{order}', 'private-ordersx7'],
    ['private-orders.{order}', 'private-Orders.7'],
    ['private-orders.{order}', 'private-orders..7'],
    ['private-orders.{order}', 'xprivate-orders.7'],
    ['private-orders.{order}', 'presence-orders.7'],
    ['private-orders', 'private-orders.7'],
    ['private-user-{id}-inbox', 'private-user--inbox'],
    ['private-aa{b}aa', 'private-aaa'],
    ['private-*', 'private-'],
    ['private-orders.*', 'private-orders.'],
    ['private-orders.*', 'private-orders'],
    ['private-*', 'private-encrypted-a'],
    ['private-{x}', 'private-cache-a'],
    ['private-{x}', 'private-encrypted-cache-a'],
    ['presence-{x}', 'presence-cache-a'],
    ['private-encrypt*', 'private-encrypted-a'],
    ['private-a+b', 'private-aab'],
    ['private-a', 'private-a\n'],
  ])('15.4 %s does not cover %j', (pattern, channel) => {
    expect(capturesOf(pattern, channel)).toBeUndefined();
  });

  test.each([
    ['orders.{order}', 'expected the prefix of a signed channel'],
    ['cache-orders', 'expected the prefix of a signed channel'],
    ['#server-to-user-{id}', 'expected the prefix of a signed channel'],
    ['*', 'expected the prefix of a signed channel'],
    ['private-{a}.{a}', 'expected each name once'],
    ['private-{a}{b}', 'expected a dot between two names'],
    ['private-{a}-{b}', 'expected a dot between two names'],
    ['private-{}', 'expected names such as {order}'],
    ['private-{a', 'expected names such as {order}'],
    ['private-{a.b}', 'expected names such as {order}'],
    ['private-{{a}}', 'expected names such as {order}'],
    ['private-{1a}', 'expected names such as {order}'],
    ['private-a}', 'expected characters of channel names'],
    ['private-a"', 'expected characters of channel names'],
    ['private-a\u0000', 'expected characters of channel names'],
    ['private-*.a', 'expected * at the end alone'],
    ['private-**', 'expected * at the end alone'],
    ['private-{a}*', 'expected a dot, or the end'],
  ])('15.4 %j is refused', (pattern, message) => {
    expect(() => parsePattern(pattern)).toThrow(PatternError);
    expect(() => parsePattern(pattern)).toThrow(message);
  });
});

/** A pattern as an expression that backtracks, for short names: what a rule of Laravel means. */
const naive = (pattern: string): RegExp =>
  new RegExp(
    `^${pattern
      .split(/(\{[a-z]\}|\*$)/)
      .map((text) =>
        text === '*'
          ? '[^]+'
          : text.startsWith('{')
            ? '([^.]+)'
            : text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'),
      )
      .join('')}$`,
  );

describe('patterns against a naive model', () => {
  const text = fc.stringMatching(/^[ab-]{0,3}$/);
  const segment = fc.oneof(
    text.map((before) => ({ before, isNamed: false, behind: '' })),
    fc.record({ before: text, isNamed: fc.constant(true), behind: text }),
  );
  const patterns = fc
    .record({
      prefix: fc.constantFrom('private-', 'presence-', 'private-encrypted-', 'private-cache-'),
      segments: fc.array(segment, { minLength: 1, maxLength: 4 }),
      end: fc.constantFrom('', '', '.*'),
    })
    .map(({ prefix, segments, end }) => {
      const parts = segments.map(({ before, isNamed, behind }, at) =>
        isNamed ? `${before}{${'abcd'[at] ?? ''}}${behind}` : before,
      );
      return `${prefix}${parts.join('.')}${end}`;
    });
  const ends = fc.stringMatching(/^[ab.-]{0,6}$/);
  const prefixes = fc.constantFrom('private-', 'presence-', 'private-encrypted-', 'private-cache-', '');
  /** A pattern, and a name that it covers, nearly covers or has nothing to do with. */
  const pairs = fc
    .tuple(patterns, prefixes, fc.array(ends, { minLength: 4, maxLength: 4 }), fc.integer({ min: 0, max: 3 }))
    .map(([pattern, prefix, texts, how]) => {
      let at = 0;
      const filled = pattern.replace(/\{[a-z]\}|\*$/g, () => texts[at++ % 3] ?? '');
      const channel =
        how === 0 ? `${prefix}${texts.join('')}` : how === 1 ? `${filled}${texts[3] ?? ''}` : filled;
      return { pattern, channel };
    });

  test('15.4 the same channels are covered, with the same values of names', () => {
    let covered = 0;
    fc.assert(
      fc.property(pairs, ({ pattern, channel }) => {
        const found = parsePattern(pattern).match(channel);
        const wanted = kindOf(pattern) === kindOf(channel) ? naive(pattern).exec(channel) : null;
        expect(found && [...found.values()]).toEqual(wanted?.slice(1));
        if (found !== undefined) covered += 1;
      }),
      { numRuns: 10_000 },
    );
    expect(covered).toBeGreaterThan(1000);
  });

  test('15.4 any text is a pattern or is refused with the reason, and never matches with an error', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), (given, channel) => {
        try {
          parsePattern(`private-${given}`).match(`private-${channel}`);
        } catch (error) {
          expect(error).toBeInstanceOf(PatternError);
        }
      }),
      { numRuns: 2000 },
    );
  });
});

describe('hostile names', () => {
  const [short, long] = [20_000, 200_000];
  /** Fastest of some tries, so that a busy machine does not count. */
  const fastestMs = (act: () => void): number =>
    Math.min(
      ...Array.from({ length: 7 }, () => {
        const start = performance.now();
        for (let at = 0; at < 20; at += 1) act();
        return performance.now() - start;
      }),
    );

  test.each([
    ['private-{a}-x.{b}-x.{c}-x', (size: number) => `private-${'-x'.repeat(size / 2)}`],
    ['private-{a}.{b}.{c}.{d}', (size: number) => `private-${'a.'.repeat(size / 2)}`],
    ['private-{a}aaaaaaaaaaaaaaab', (size: number) => `private-${'a'.repeat(size)}`],
    ['private-a.a.a.a.a.a.*', (size: number) => `private-${'a.'.repeat(size / 2)}`],
    [`private-${'{a}.'.replace('a', 'b')}*`, (size: number) => `private-${'.'.repeat(size)}`],
  ])(
    '15.4 a name for %s that is 10 times as long takes no more than about 10 times as long',
    (pattern, name) => {
      const compiled = parsePattern(pattern);
      const [little, much] = [name(short), name(long)];
      const [fast, slow] = [fastestMs(() => compiled.match(little)), fastestMs(() => compiled.match(much))];
      expect(slow).toBeLessThan(Math.max(fast * 40, 20));
    },
  );
});
