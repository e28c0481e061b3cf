import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import {
  type ErrorEntry,
  errors,
  invalidChannel,
  ProtocolError,
  subscriptionLimit,
  subscriptionUnauthorized,
} from '#protocol';

const entries: readonly (readonly [string, ErrorEntry])[] = Object.entries(errors);

/** Reaction of pusher-js to this close code (second table of 2.14). */
function reconnects(code: number): ErrorEntry['reconnects'] {
  if (code < 4000) return 'after 1 s';
  if (code === 4000) return 'at once';
  if (code < 4100) return 'never';
  if (code < 4200) return 'after 1 s';
  return code < 4300 ? 'at once' : 'never';
}

test.each(entries)(
  '2.14 %s has the reconnect time of its code’s range',
  (_name, { code, reconnects: said }) => {
    if (said !== 'stays') expect(reconnects(code)).toBe(said);
  },
);

test.each(entries)(
  '2.14 %s closes with a code below 4300, and its reason fits into a close frame',
  (_name, entry) => {
    if (entry.reconnects !== 'stays') expect(entry.code).toBeLessThan(4300);
    expect(Buffer.byteLength(entry.message)).toBeLessThanOrEqual(123);
  },
);

test('2.14 the table of SPEC.md and the list in the code are the same', () => {
  const spec = readFileSync(new URL('../../protocol/SPEC.md', import.meta.url), 'utf8');
  const section = spec.slice(spec.indexOf('### 2.14'), spec.indexOf('## 3 '));
  const written = [...section.matchAll(/^\| (\d{4}) \| `([^`]+)` +\| (is closed|stays open)/gm)].map(
    ([, code, message, socket]) => `${code ?? ''} ${message ?? ''} ${socket ?? ''}`,
  );
  const coded = entries.map(
    ([, { code, message, reconnects: back }]) =>
      `${code} ${message} ${back === 'stays' ? 'stays open' : 'is closed'}`,
  );
  expect(written.toSorted()).toEqual(coded.toSorted());
});

test('2.14 an error closes the connection unless the client stays', () => {
  const frame = new ProtocolError(errors.invalidMessage);
  expect(frame).toMatchObject({ name: 'ProtocolError', code: 4200, message: 'Invalid message format' });
  expect(frame.closes).toBe(false);
  expect(frame.channel).toBeUndefined();
  expect(frame.subscription).toBeUndefined();
  expect(new ProtocolError(errors.closing).closes).toBe(true);
  expect(new ProtocolError(errors.notAMember, { channel: 'private-a' }).channel).toBe('private-a');
});

test('3.6 a refused subscription names its channel and leaves the socket open', () => {
  const cases = [
    [invalidChannel('a b'), { type: 'InvalidChannel', status: 400, error: 'Invalid channel name' }],
    [
      subscriptionUnauthorized('a b'),
      { type: 'AuthError', status: 401, error: 'Connection is unauthorized' },
    ],
    [
      subscriptionLimit('presenceMembers', 'a b', 'Too many.'),
      { type: 'LimitReached', status: 400, error: 'Too many.' },
    ],
    [
      subscriptionLimit('presenceMembers', 'a b', 'Full.', 4100),
      { type: 'LimitReached', status: 4100, error: 'Full.' },
    ],
  ] as const;
  for (const [error, subscription] of cases) {
    expect(error).toBeInstanceOf(ProtocolError);
    expect(error).toMatchObject({ channel: 'a b', closes: false, subscription });
  }
  expect(subscriptionUnauthorized('private-a').code).toBe(4009);
});
