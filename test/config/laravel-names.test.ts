/** Names that Laravel makes of APP_NAME; expected values are those of Laravel 12.72. */
import { expect, test } from 'vitest';
import { readConfig } from '../../src/config/index.ts';
import { slug } from '../../src/config/laravel/slug.ts';

const SLUGS = [
  ['Laravel', 'laravel'],
  ["Bob's Shop", 'bobs_shop'],
  ['Shop 2.0', 'shop_20'],
  ['my.app', 'myapp'],
  ['Müller & Co.', 'muller_co'],
  ['Größe', 'grosse'],
  ['Ünïcode Ørsted', 'unicode_orsted'],
  ['foo@bar', 'foo_at_bar'],
  ['a_b c-d', 'a_b_c_d'],
  ['A–B', 'a_b'],
  ['  X  ', 'x'],
  ['C++', 'c'],
  ['Ærø – Œuvre™', 'aero_oeuvre'],
  ['ı Straße', 'i_strasse'],
  ['日本', ''],
] as const;

test.each(SLUGS)('14.3 Laravel makes of the name %j the slug %j', (name, expected) => {
  expect(slug(name, '_')).toBe(expected);
  expect(slug(name, '-')).toBe(expected.replaceAll('_', '-'));
});

const cookiesOf = (variables: Record<string, string>) =>
  readConfig({ WAVEHALL_AUTH_UPSTREAM: 'http://127.0.0.1:8000', ...variables }).auth?.gateway.sessionCookies;

test("14.3 the session's cookie has the name that a version of Laravel makes of the app's name", () => {
  expect(cookiesOf({})).toEqual(['laravel_session', 'laravel-session']);
  expect(cookiesOf({ APP_NAME: "Bob's Shop 2.0" })).toEqual(['bobs_shop_20_session', 'bobs-shop-20-session']);
  expect(cookiesOf({ APP_NAME: 'my_app' })).toEqual(['my_app_session', 'my-app-session']);
});

test("14.3 SESSION_COOKIE names the session's cookie, and the server's own setting goes before it", () => {
  expect(cookiesOf({ APP_NAME: 'Shop', SESSION_COOKIE: '__Host-shop' })).toEqual(['__Host-shop']);
  expect(cookiesOf({ SESSION_COOKIE: 'other', WAVEHALL_AUTH_SESSION_COOKIE: 'own' })).toEqual(['own']);
});
