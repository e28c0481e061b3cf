import { expect, test } from 'vitest';
import { DEFAULT_LIMITS, parseUserData, userOfChannel } from '#protocol';
import vectors from '../../protocol/vectors/user-ids.json' with { type: 'json' };

test.each(vectors.users)('$rule a user: $title', ({ userData, user }) => {
  expect(parseUserData(userData)).toEqual(user);
});

test.each(vectors.refusedUsers)('$rule no user: $title', ({ userData }) => {
  expect(parseUserData(userData)).toBeUndefined();
});

test('6.4 the channel of a user contains the id', () => {
  for (const { user } of vectors.users) expect(userOfChannel(`#server-to-user-${user.id}`)).toBe(user.id);
});

test('6.5 the number of watched ids is a setting, and 0 means no limit', () => {
  const userData = '{"id":"42","watchlist":["1","2","3"]}';
  const watching = (watchlistIds: number) => parseUserData(userData, { ...DEFAULT_LIMITS, watchlistIds });
  expect(watching(3)).toMatchObject({ watchlist: ['1', '2', '3'], watchlistOverflow: false });
  expect(watching(2)).toMatchObject({ watchlist: ['1', '2'], watchlistOverflow: true });
  expect(watching(0)).toMatchObject({ watchlist: ['1', '2', '3'], watchlistOverflow: false });
});

test('6.1 characters allowed in channel names are allowed in ids', () => {
  const userData = '{"id":"user:42"}';
  expect(parseUserData(userData)).toBeUndefined();
  expect(parseUserData(userData, { ...DEFAULT_LIMITS, extraCharacters: ':' })?.id).toBe('user:42');
});

test('6.1 user_info that is nested too deeply is left out', () => {
  const deep = '['.repeat(100_000) + ']'.repeat(100_000);
  expect(parseUserData(`{"id":"42","user_info":${deep}}`)).toMatchObject({
    id: '42',
    userInfoJson: undefined,
  });
});
