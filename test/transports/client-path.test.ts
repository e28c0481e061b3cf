import { describe, expect, test } from 'vitest';
import { appKeyIn, clientPathIn, INVALID_TAB } from '../../src/transports/client-path.ts';

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

describe('the tab in an address', () => {
  const id = 'a'.repeat(16);
  test.each([
    [`/t/${id}/app/key`, '', id],
    [`/t/${id}/app/key/`, '', id],
    [`/app/t/${id}/app/key`, '', id],
    [`/ws/app/t/${id}/app/key`, 'ws', id],
    ['/app/t', '', undefined, 't'],
    [`/ws/t/${id}/app/key`, 'ws', id],
    [`/t/${id}/app/key`, 'ws', id],
    [`/t/${'A-_9'.repeat(16)}/app/key`, '', 'A-_9'.repeat(16)],
    ['/app/key', '', undefined],
  ])('13.2 is read from %s with the prefix %j', (path, prefix, tab, appKey = 'key') => {
    expect(clientPathIn(path, prefix)).toEqual({ appKey, tab });
  });

  test.each([
    ['of 15 characters', 'a'.repeat(15)],
    ['of 65 characters', 'a'.repeat(65)],
    ['without characters', ''],
    ['with a dot', `${id}.`],
    ['with a space', `${id}%20`],
    ['with an umlaut', `${id}ü`],
  ])('13.2 an id %s is not valid', (_what, tab) => {
    expect(clientPathIn(`/t/${tab}/app/key`, '')).toBe(INVALID_TAB);
    expect(appKeyIn(`/t/${tab}/app/key`, '')).toBeUndefined();
  });

  test.each([
    `/t/app/key`,
    `/t/${id}/more/app/key`,
    `/t/${id}/apps/key`,
    `/T/${id}/app/key`,
    `/t/${id}/app/`,
  ])('13.2 there is none in %s, which is no address of a client', (path) => {
    expect(clientPathIn(path, '')).toBeUndefined();
  });
});
