import { expect, test, vi } from 'vitest';
import { isChannelName, isReservedChannel, kindOf, userOfChannel } from '#protocol';
import vectors from '../../protocol/vectors/channels.json' with { type: 'json' };

const traitsOf = (name: string): string[] =>
  Object.entries(kindOf(name))
    .filter(([, has]) => has === true)
    .map(([trait]) => trait);

test.each(vectors.kinds)('$rule the traits of "$name" are $traits', ({ name, traits }) => {
  expect(traitsOf(name).sort()).toEqual([...traits].sort());
});

test.each(vectors.names)('$rule "$name" is a channel name: $valid', ({ name, valid }) => {
  expect(isChannelName(name, 200)).toBe(valid);
});

test.each(vectors.widened)(
  '$rule "$name" with $extraCharacters allowed is a channel name: $valid',
  ({ name, extraCharacters, valid }) => {
    expect(isChannelName(name, 200, extraCharacters)).toBe(valid);
  },
);

test.each(vectors.usersOf)('$rule "$name" is the channel of $user', ({ name, user }) => {
  expect(userOfChannel(name)).toBe(user ?? undefined);
});

test('3.2 the maximum length is a setting, and 0 means no limit', () => {
  expect(isChannelName('abc', 3)).toBe(true);
  expect(isChannelName('abcd', 3)).toBe(false);
  expect(isChannelName('x'.repeat(50_000), 0)).toBe(true);
});

test('3.2 a name that is too long is refused before any regular expression runs', () => {
  const expression = vi.spyOn(RegExp.prototype, 'test');
  try {
    expect(isChannelName('x'.repeat(50_000), 200)).toBe(false);
    expect(expression).not.toHaveBeenCalled();
    expect(isChannelName('x'.repeat(200), 200)).toBe(true);
    expect(expression).toHaveBeenCalledTimes(1);
  } finally {
    expression.mockRestore();
  }
});

test('1.8 channels that begin with # are the server’s', () => {
  expect(isReservedChannel('#server-to-user-7')).toBe(true);
  expect(isReservedChannel('#')).toBe(true);
  expect(isReservedChannel('a#')).toBe(false);
});
