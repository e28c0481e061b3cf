import { describe, expect, test } from 'vitest';
import { readConfig } from '../../src/config/index.ts';
import { temporaryFile } from '../cli/command.ts';
import { problemsIn } from './problems.ts';

type Variables = Record<string, string>;

const databaseOf = (variables: Variables) => readConfig(variables).appsDatabase;
const problemsOf = (variables: Variables): readonly string[] => problemsIn(() => readConfig(variables));
const url = (given: string): Variables => ({ WAVEHALL_APPS_DATABASE: given });

describe('the URL', () => {
  test.each([
    [
      'mysql://u:p@db/shop',
      {
        dialect: 'mysql',
        host: 'db',
        port: 3306,
        user: 'u',
        password: 'p',
        database: 'shop',
        tls: undefined,
      },
    ],
    ['mariadb://u@db:3307/shop', { dialect: 'mysql', port: 3307, password: '' }],
    ['postgres://u:p@[::1]/shop', { dialect: 'postgres', host: '::1', port: 5432 }],
    ['postgresql://u:p%40%2F%3A@db/sh%20op', { dialect: 'postgres', password: 'p@/:', database: 'sh op' }],
    ['mysql://u@localhost/shop?socket=/run/s.sock', { socketPath: '/run/s.sock' }],
    ['postgres:///shop?host=/run/postgresql', { socketPath: '/run/postgresql' }],
    ['postgres://u@db/shop?sslmode=require', { tls: 'verified' }],
    ['mysql://u@db/shop?ssl-mode=VERIFY_IDENTITY', { tls: 'verified' }],
    ['mysql://u@db/shop?ssl-mode=VERIFY_CA', { tls: 'verified' }],
    ['mysql://u@db/shop?ssl-mode=DISABLED', { tls: undefined }],
    ['mysql://u@db/shop?sslmode=require&socket=/run/s.sock', { tls: undefined }],
    ['mysql://u@db/shop?sslmode=no-verify&charset=utf8mb4', { tls: 'unverified' }],
    ['mysql://u@db/shop?sslmode=disable', { tls: undefined }],
  ])('2.18 %s', (given, expected) => {
    expect(databaseOf(url(given))).toMatchObject(expected);
    expect(readConfig(url(given)).apps).toEqual([]);
  });

  test.each([
    'sqlite:///x',
    'http://db/shop',
    'mysql://u:hush@db',
    'mysql://u:hush@db/a/b',
    'mysql:///shop',
    'postgres://u:hush@db/shop?sslmode=prefer',
    'postgres://u:hush@db/shop?sslmode=allow',
    'mysql://u:hush@db/shop?ssl-mode=PREFERRED',
    'postgres://u:hush@db/shop?sslmode=__proto__',
    'mysql://u:%zz-hush@db/shop',
    'Laravel',
  ])('2.18 refuses %s, and does not show it', (given) => {
    const problems = problemsOf(url(given));
    expect(problems).toEqual([
      expect.stringMatching(/^WAVEHALL_APPS_DATABASE=\(not shown\): expected mysql:/),
    ]);
    expect(problems.join()).not.toContain('hush');
  });
});

describe("Laravel's variables", () => {
  const LARAVEL = { WAVEHALL_APPS_DATABASE: 'laravel' };

  test('2.18 takes the parts of DB_*, or DB_URL', () => {
    const parts = {
      DB_CONNECTION: 'pgsql',
      DB_HOST: 'db',
      DB_PORT: '5433',
      DB_DATABASE: 'shop',
      DB_USERNAME: 'u',
      DB_PASSWORD: 'p',
    };
    expect(databaseOf({ ...LARAVEL, ...parts })).toMatchObject({
      ...{
        dialect: 'postgres',
        host: 'db',
        port: 5433,
        user: 'u',
        password: 'p',
        database: 'shop',
        tls: undefined,
      },
    });
    expect(databaseOf({ ...LARAVEL, ...parts, DB_SSLMODE: 'require' })?.tls).toBe('verified');
    expect(databaseOf({ ...LARAVEL, ...parts, DB_SSLMODE: 'prefer' })?.tls).toBeUndefined();
    expect(databaseOf({ ...LARAVEL, ...parts, DB_URL: 'mysql://a:b@c/d' })).toMatchObject({
      dialect: 'mysql',
      host: 'c',
    });
  });

  test('2.18 refuses a database that it cannot read, and names the variable', () => {
    expect(problemsOf(LARAVEL)).toEqual([
      expect.stringContaining('DB_CONNECTION="sqlite": expected mysql, mariadb or pgsql'),
    ]);
    expect(problemsOf({ ...LARAVEL, DB_CONNECTION: 'mysql' })).toEqual([
      expect.stringContaining('DB_DATABASE: expected the name of a database'),
    ]);
    expect(problemsOf({ ...LARAVEL, DB_CONNECTION: 'mysql', DB_DATABASE: 'd', DB_PORT: 'x' })).toEqual([
      expect.stringContaining('DB_PORT="x": expected a port'),
    ]);
  });
});

describe('with other settings', () => {
  const GIVEN = url('mysql://u@db/shop');

  test('2.18 refuses other lists of apps, and a cutover, beside it', () => {
    expect(problemsOf({ ...GIVEN, WAVEHALL_APPS: '[]' })).toEqual([
      'WAVEHALL_APPS: expected not to be set together with WAVEHALL_APPS_DATABASE',
    ]);
    expect(problemsOf({ ...GIVEN, WAVEHALL_CUTOVER_UPSTREAM: 'http://127.0.0.1:8082' })).toEqual([
      expect.stringContaining('WAVEHALL_CUTOVER_UPSTREAM: expected not to be set together'),
    ]);
  });

  test("2.18 Laravel's own app beside it is not served", () => {
    const config = readConfig({ ...GIVEN, REVERB_APP_ID: 'a', REVERB_APP_KEY: 'b', REVERB_APP_SECRET: 'c' });
    expect(config.apps).toEqual([]);
    expect(config.unusedAppsHint).toContain('REVERB_APP_* (id a)');
  });

  test('2.18 an invalid default of all apps is refused at the start', () => {
    expect(problemsOf({ ...GIVEN, REVERB_APP_PING_INTERVAL: 'often' })).toEqual([
      'REVERB_APP_PING_INTERVAL="often": expected a whole number from 1 to 86400',
    ]);
  });

  test.each(['apps; DROP TABLE x', 'a.b.c', '`apps`', 'a"b', 'a b', '1apps', '', 'x'.repeat(64)])(
    '2.18 a table called %j is refused, or is none',
    (table) => {
      if (table === '') expect(databaseOf({ ...GIVEN, WAVEHALL_APPS_TABLE: table })?.table).toBe('apps');
      else
        expect(problemsOf({ ...GIVEN, WAVEHALL_APPS_TABLE: table })).toEqual([
          expect.stringContaining('expected a table'),
        ]);
    },
  );

  test('2.18 a table has at most 63 characters, and may be in a schema', () => {
    const longest = 'x'.repeat(63);
    expect(databaseOf({ ...GIVEN, WAVEHALL_APPS_TABLE: `${longest}.${longest}` })?.table).toBe(
      `${longest}.${longest}`,
    );
  });

  test('2.18 TLS is on with a certificate file, and its check can be turned off', () => {
    const file = temporaryFile('ca.pem', 'PEM');
    expect(databaseOf({ ...GIVEN, WAVEHALL_APPS_DATABASE_TLS_CA: file })).toMatchObject({
      tls: 'verified',
      tlsCa: 'PEM',
    });
    expect(
      databaseOf({
        ...GIVEN,
        WAVEHALL_APPS_DATABASE_TLS_CA: file,
        WAVEHALL_APPS_DATABASE_TLS_VERIFY: 'false',
      })?.tls,
    ).toBe('unverified');
    expect(problemsOf({ ...GIVEN, WAVEHALL_APPS_DATABASE_TLS_CA: '/no/such' })).toEqual([
      expect.stringContaining('WAVEHALL_APPS_DATABASE_TLS_CA="/no/such": ENOENT'),
    ]);
  });
});
