import { describe, expect, test } from 'vitest';
import { ConfigError } from '../../src/apps/settings.ts';
import { readConfig } from '../../src/config.ts';
import { temporaryFile } from '../cli/command.ts';

const redis = (variables: Record<string, string> = {}) =>
  readConfig({ REVERB_SCALING_ENABLED: 'true', ...variables }).redis;

function problems(variables: Record<string, string>): readonly string[] {
  try {
    redis(variables);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
}

test('3.13 without scaling nothing of Redis is looked at', () => {
  expect(readConfig({ REDIS_URL: 'nonsense', WAVEHALL_REDIS_TLS_CA: '/none' }).redis).toBeUndefined();
});

describe('where Redis is', () => {
  const usual = { host: '127.0.0.1', port: 6379, database: 0, tls: false };
  test.each([
    ['nothing', {}, usual],
    ['the host', { REDIS_HOST: 'r', REDIS_PORT: '7' }, { ...usual, host: 'r', port: 7 }],
    ['the scheme', { REDIS_SCHEME: 'tls' }, { ...usual, tls: true }],
    ["Laravel's tls:// before the host", { REDIS_HOST: 'tls://r' }, { ...usual, host: 'r', tls: true }],
    ['a URL', { REDIS_URL: 'redis://r:7/3' }, { ...usual, host: 'r', port: 7, database: 3 }],
    ['a URL with IPv6', { REDIS_URL: 'redis://[::1]:7' }, { ...usual, host: '::1', port: 7 }],
    [
      'a URL before the parts',
      { REDIS_URL: 'rediss://r', REDIS_HOST: 'x' },
      { ...usual, host: 'r', tls: true },
    ],
    [
      'parts that the URL leaves open',
      { REDIS_URL: 'redis://r', REDIS_PASSWORD: 'p', REDIS_DB: '2' },
      { ...usual, host: 'r', password: 'p', database: 2 },
    ],
    [
      'a URL with who we are',
      { REDIS_URL: 'rediss://u%40:p%2F%23@r', REDIS_PASSWORD: 'x' },
      { ...usual, host: 'r', tls: true, username: 'u@', password: 'p/#' },
    ],
  ])('3.13 is taken from %s', (_what, variables, expected) => {
    expect(redis(variables as unknown as Record<string, string>)).toMatchObject(expected);
  });

  test.each([
    'redis',
    'http://r',
    'redis://',
    'redis://:hush@r:99999',
    'redis://:hush@r/x',
    'redis://:%ZZhush@r',
  ])('3.13 is not taken from %s, and the URL is not shown', (url) => {
    expect(problems({ REDIS_URL: url })).toEqual([
      'REDIS_URL=(not shown): expected redis://user:password@host:port/0',
    ]);
  });

  test.each(['a:b', 'a:0', 'a:65536', 'u@a', 'a b', '::1', 'redis://a', 'a,,b:x'])(
    '3.13 is not taken from a list with %s',
    (given) => {
      // What stands before an @ may be a password.
      const shown = given.replace('u@', '(not shown)@');
      for (const name of ['WAVEHALL_REDIS_SENTINELS', 'WAVEHALL_REDIS_CLUSTER'])
        expect(problems({ [name]: given })).toEqual([`${name}="${shown}": expected host:port,host:port`]);
    },
  );
});

test('3.13 Sentinels and a Cluster exclude each other, and a Cluster has one database', () => {
  const cluster = { WAVEHALL_REDIS_CLUSTER: 'a' };
  expect(problems({ ...cluster, WAVEHALL_REDIS_SENTINELS: 'b' })).toEqual([
    'WAVEHALL_REDIS_CLUSTER: expected not to be set together with WAVEHALL_REDIS_SENTINELS',
  ]);
  const database = ['REDIS_DB: expected 0, because a Redis Cluster has only that database'];
  expect(problems({ ...cluster, REDIS_DB: '1' })).toEqual(database);
  expect(problems({ ...cluster, REDIS_URL: 'redis://a/1' })).toEqual(database);
  expect(redis(cluster)).toMatchObject({ cluster: [{ host: 'a', port: 6379 }], sentinels: undefined });
});

test('3.13 a prefix with braces would tear keys apart that belong together', () => {
  expect(problems({ WAVEHALL_REDIS_PREFIX: 'a{b}' })).toEqual([
    'WAVEHALL_REDIS_PREFIX: expected a text without { and }, which mean something to a Cluster',
  ]);
});

test('3.13 the certificates for Redis are read at the start', () => {
  const file = temporaryFile('ca.crt', 'PEM');
  expect(redis({ WAVEHALL_REDIS_TLS_CA: file })).toMatchObject({ tlsCa: 'PEM', tlsVerify: true });
  const [problem] = problems({ WAVEHALL_REDIS_TLS_CA: `${file}.none` });
  expect(problem).toMatch(/^WAVEHALL_REDIS_TLS_CA=".*ca\.crt\.none": ENOENT/);
});
