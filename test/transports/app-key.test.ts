import { describe, expect, test } from 'vitest';
import { appKeyIn } from '../../src/transports/app-key.ts';

describe('the app key in an address', () => {
  test.each([
    ['/app/key', '', 'key'],
    ['/app/key/', '', 'key'],
    ['/app/key', 'ws', 'key'],
    ['/app/key/', 'ws', 'key'],
    ['/ws/app/key', 'ws', 'key'],
    ['/ws/app/key/', 'ws', 'key'],
    ['/ws/eu/app/key', 'ws/eu', 'key'],
    ['/app/app/key', 'app', 'key'],
    ['/app/key', 'app', 'key'],
    ['/app/app', 'app', 'app'],
    ['/app/app', '', 'app'],
    ['/app/a%20b', '', 'a b'],
    ['/app/a%2Fb', '', 'a/b'],
    ['/app/%E2%82%AC', '', '€'],
    ['/app/key.with-all_of:them', '', 'key.with-all_of:them'],
  ])('2.1 finds the key in %s with the prefix %j', (path, prefix, key) => {
    expect(appKeyIn(path, prefix)).toBe(key);
  });

  test.each([
    ['', ''],
    ['/', ''],
    ['/app', ''],
    ['/app/', ''],
    ['/app//', ''],
    ['//app/key', ''],
    ['/app/key//', ''],
    ['/app/key/more', ''],
    ['/App/key', ''],
    ['app/key', ''],
    ['/apps/key', ''],
    ['/ws/app/key', ''],
    ['/ws/app/key', 'eu'],
    ['/wsapp/key', 'ws'],
    ['/ws/ws/app/key', 'ws'],
    ['/ws/eu/app/key', 'ws'],
    ['/app/%', ''],
    ['/app/%E2%82', ''],
    ['http://host/app/key', ''],
  ])('2.1 finds no key in %j with the prefix %j', (path, prefix) => {
    expect(appKeyIn(path, prefix)).toBeUndefined();
  });
});
