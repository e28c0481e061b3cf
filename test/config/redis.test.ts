import { describe, expect, test } from 'vitest';
import { readConfig } from '../../src/config/index.ts';
import { temporaryFile } from '../cli/command.ts';
import { problemsIn } from './problems.ts';

const redis = (variables: Record<string, string> = {}) =>
  readConfig({ REVERB_SCALING_ENABLED: 'true', ...variables }).redis;

const problems = (variables: Record<string, string>): readonly string[] => problemsIn(() => redis(variables));

test('3.13 without scaling the settings of Redis are ignored', () => {
  const foreign = { REDIS_PORT: 'tcp://10.0.0.2:6379', REDIS_SCHEME: 'http', REDIS_TLS: '?', REDIS_DB: '-' };
  const nonsense = {
    REDIS_URL: 'nonsense',
    REDIS_HOST: 'unix:x',
    WAVEHALL_REDIS_TLS_CA: '/none',
    ...foreign,
  };
  expect(readConfig(nonsense).redis).toBeUndefined();
});

describe('where Redis is', () => {
  const usual = { host: '127.0.0.1', port: 6379, database: 0, tls: false };
  test.each([
    ['nothing', {}, usual],
    ['the host', { REDIS_HOST: 'r', REDIS_PORT: '7' }, { ...usual, host: 'r', port: 7 }],
    ['the scheme', { REDIS_SCHEME: 'tls' }, { ...usual, tls: true }],
    ["Predis' rediss", { REDIS_SCHEME: 'rediss' }, { ...usual, tls: true }],
    ['REDIS_TLS', { REDIS_TLS: 'true' }, { ...usual, tls: true }],
    ['REDIS_SCHEME=tls, whatever REDIS_TLS is', { REDIS_SCHEME: 'tls', REDIS_TLS: 'false' }, { tls: true }],
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
    ['a path', { REDIS_HOST: '/run/r.sock' }],
    ['a path and a port that says nothing', { REDIS_HOST: '/run/r.sock', REDIS_PORT: '0' }],
    ['a path that the scheme names', { REDIS_HOST: 'unix:/run/r.sock' }],
    ['a path after unix://', { REDIS_HOST: 'unix:///run/r.sock', REDIS_PORT: 'tcp://1.2.3.4:5' }],
    ['REDIS_SCHEME and REDIS_PATH', { REDIS_SCHEME: 'unix', REDIS_PATH: '/run/r.sock', REDIS_HOST: 'x' }],
    ['REDIS_SCHEME and REDIS_HOST', { REDIS_SCHEME: 'unix', REDIS_HOST: '/run/r.sock' }],
    ['a URL', { REDIS_URL: 'unix:///run/r.sock', REDIS_HOST: 'x', REDIS_PORT: 'y' }],
    ['a short URL', { REDIS_URL: 'unix:/run/r.sock' }],
    ['a URL with localhost', { REDIS_URL: 'unix://localhost/run/r.sock' }],
  ])('3.13 is a unix socket by %s', (_what, variables) => {
    expect(redis(variables as unknown as Record<string, string>)).toMatchObject({
      path: '/run/r.sock',
      tls: false,
      database: 0,
    });
  });

  test('3.13 a URL of a unix socket gives database, user and password, before or after the path', () => {
    const expected = { path: '/run/my redis.sock', username: 'u@', password: 'p/#', database: 3 };
    const behind = '?username=u%40&password=p%2F%23&database=3';
    for (const url of [
      `unix:///run/my%20redis.sock${behind}`,
      'unix://u%40:p%2F%23@/run/my%20redis.sock?db=3',
    ])
      expect(redis({ REDIS_URL: url, REDIS_PASSWORD: 'x', REDIS_DB: '9' })).toMatchObject(expected);
  });

  test.each([
    [{ REDIS_SCHEME: 'unix' }],
    [{ REDIS_SCHEME: 'unix', REDIS_PATH: 'run/r.sock' }],
    [{ REDIS_HOST: 'unix:run/r.sock' }],
    [{ REDIS_HOST: 'unix://' }],
  ])('3.13 is no unix socket without a whole path: %j', (variables) => {
    expect(problems(variables as unknown as Record<string, string>)).toEqual([
      'REDIS_PATH, REDIS_HOST: expected the whole path of a unix socket, such as /run/redis/redis.sock',
    ]);
  });

  test('3.13 is no unix socket with TLS', () => {
    for (const tls of [{ REDIS_TLS: 'true' }, { REDIS_SCHEME: 'tls' }] as Record<string, string>[])
      expect(problems({ REDIS_HOST: '/run/r.sock', ...tls })).toEqual([
        'REDIS_TLS, REDIS_SCHEME: expected no TLS, because Redis is at a unix socket',
      ]);
  });

  test('3.13 REDIS_PORT is ignored where another setting gives the address of Redis', () => {
    const foreign = { REDIS_PORT: 'tcp://10.0.0.2:6379' };
    expect(redis({ ...foreign, REDIS_URL: 'redis://r:7' })).toMatchObject({ host: 'r', port: 7 });
    for (const name of ['WAVEHALL_REDIS_SENTINELS', 'WAVEHALL_REDIS_CLUSTER'])
      expect(problems({ ...foreign, [name]: 'a' })).toEqual([]);
    for (const more of [{}, { REDIS_HOST: 'r' }, { REDIS_URL: 'redis://r' }])
      expect(problems({ ...foreign, ...more })).toHaveLength(1);
  });

  test.each([
    'unix:run/r.sock',
    'unix://host/run/r.sock',
    'unix:///run/r.sock?db=x',
    'unix:///',
    'redis:///run/r.sock',
    'redis',
    'http://r',
    'redis://',
    'redis://:hush@r:99999',
    'redis://:hush@r/x',
    'redis://:%ZZhush@r',
  ])('3.13 is not taken from %s, and the URL is not shown', (url) => {
    expect(problems({ REDIS_URL: url })).toEqual([
      'REDIS_URL=(not shown): expected redis://user:password@host:port/0 or unix:///path?db=0',
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

test('3.13 a prefix with braces is refused, as it changes the Cluster slots of keys', () => {
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
