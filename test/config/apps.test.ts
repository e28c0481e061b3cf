import { describe, expect, test } from 'vitest';
import { type Config, readConfig } from '../../src/config/index.ts';
import { temporaryFile } from '../cli/command.ts';
import { problemsIn } from './problems.ts';

type Variables = Record<string, string>;

const REVERB = { REVERB_APP_ID: 'r-id', REVERB_APP_KEY: 'r-key', REVERB_APP_SECRET: 'r-secret' };
const PUSHER = { PUSHER_APP_ID: 'p-id', PUSHER_APP_KEY: 'p-key', PUSHER_APP_SECRET: 'p-secret' };
const SECRET = 'hush-hush-hush';

const problemsOf = (variables: Variables): readonly string[] => problemsIn(() => readConfig(variables));

const withApps = (apps: unknown, more: Variables = {}): Variables => ({
  ...more,
  WAVEHALL_APPS: JSON.stringify(apps),
});
const credentialsOf = ({ apps }: Config) => apps.map(({ id, credentials }) => [id, ...credentials]);

/** As `json_encode(config("reverb.apps.apps"))` writes the app of an untouched config/reverb.php. */
const LARAVEL_APP = {
  key: 'k1',
  secret: 's1',
  app_id: '100001',
  options: { host: 'localhost', port: '8080', scheme: 'http', useTLS: false },
  allowed_origins: ['*'],
  ping_interval: 60,
  activity_timeout: 30,
  max_connections: null,
  max_message_size: 10_000,
  accept_client_events_from: 'members',
  rate_limiting: { enabled: false, max_attempts: 60, decay_seconds: 60, terminate_on_limit: false },
};

describe('the app of the environment', () => {
  test('7.6 REVERB_APP_* define the app', () => {
    const config = readConfig(REVERB);
    expect(credentialsOf(config)).toEqual([['r-id', { key: 'r-key', secret: 'r-secret' }]]);
    expect(config.appsFrom).toBe('REVERB_APP_*');
  });

  test('7.6 PUSHER_APP_* define it when there is no REVERB_APP_*', () => {
    const config = readConfig(PUSHER);
    expect(credentialsOf(config)).toEqual([['p-id', { key: 'p-key', secret: 'p-secret' }]]);
    expect(config.appsFrom).toBe('PUSHER_APP_*');
  });

  test('7.6 REVERB_APP_* come before PUSHER_APP_*', () => {
    expect(credentialsOf(readConfig({ ...PUSHER, ...REVERB }))).toEqual(credentialsOf(readConfig(REVERB)));
  });

  test('7.6 the two are never mixed', () => {
    expect(problemsOf({ ...PUSHER, REVERB_APP_KEY: 'r-key' })).toEqual([
      'REVERB_APP_ID: expected a value, because another REVERB_APP_* variable is set',
      'REVERB_APP_SECRET: expected a value, because another REVERB_APP_* variable is set',
    ]);
  });

  test.each(Object.keys({ ...REVERB, ...PUSHER }))('7.6 a missing %s is named', (missing) => {
    const who = missing.startsWith('REVERB') ? REVERB : PUSHER;
    expect(problemsOf({ ...who, [missing]: '' })).toEqual([
      `${missing}: expected a value, but it is set and empty`,
    ]);
    const others = Object.fromEntries(Object.entries(who).filter(([name]) => name !== missing));
    expect(problemsOf(others)).toEqual([
      `${missing}: expected a value, because another ${missing.slice(0, 11)}* variable is set`,
    ]);
  });

  test('7.6 Laravel’s options for other things are not the app: REVERB_HOST, PUSHER_APP_CLUSTER', () => {
    expect(readConfig({ REVERB_HOST: 'a.test', PUSHER_APP_CLUSTER: 'mt1' }).appsFrom).toBe('development');
  });

  test('7.6 without a configured app an app for development is served', () => {
    const config = readConfig({});
    expect(credentialsOf(config)).toEqual([['app-id', { key: 'app-key', secret: 'app-secret' }]]);
    expect(config.appsFrom).toBe('development');
  });

  test.each(Object.keys({ ...REVERB, ...PUSHER }))(
    '7.6 %s that is set and empty never starts the app for development',
    (name) => {
      for (const nothing of ['', ' ', 'null', '(empty)', '""']) {
        expect(problemsOf({ [name]: nothing })).toContain(
          `${name}: expected a value, but it is set and empty`,
        );
      }
    },
  );

  test('7.6 empty REVERB_APP_* are an error beside filled PUSHER_APP_*, empty PUSHER_APP_* beside filled REVERB_APP_* are not', () => {
    const emptied = (names: object): Variables =>
      Object.fromEntries(Object.keys(names).map((name) => [name, '']));
    expect(problemsOf({ ...PUSHER, ...emptied(REVERB) })).toHaveLength(3);
    expect(readConfig({ ...REVERB, ...emptied(PUSHER) }).appsFrom).toBe('REVERB_APP_*');
  });

  test.each(['WAVEHALL_APPS', 'WAVEHALL_APPS_FILE', 'WAVEHALL_APP_CREDENTIALS'])(
    '7.6 %s that is set and empty is no reason for the app for development either',
    (name) => {
      expect(problemsOf({ [name]: '' })).toEqual([
        expect.stringContaining(`No app is configured, although ${name}`),
      ]);
      expect(readConfig({ ...REVERB, [name]: '' }).appsFrom).toBe('REVERB_APP_*');
    },
  );

  test.each([
    ['NODE_ENV', 'production'],
    ['APP_ENV', 'production'],
    ['APP_ENV', '"Production"'],
    ['NODE_ENV', 'prod'],
  ])('7.6 with %s=%s there is no app for development', (name, word) => {
    expect(problemsOf({ [name]: word })).toEqual([
      expect.stringMatching(
        new RegExp(`^No app is configured, and ${name} says production: set REVERB_APP_ID`),
      ),
    ]);
    expect(problemsOf({ ...REVERB, [name]: word })).toEqual([]);
    expect(problemsOf({ [name]: 'local' })).toEqual([]);
  });

  test('2.1 the app for development is served on the loopback, unless a host is asked for', () => {
    expect(readConfig({}).host).toBe('127.0.0.1');
    expect(readConfig({ REVERB_SERVER_HOST: '' }).host).toBe('127.0.0.1');
    expect(readConfig({ REVERB_SERVER_HOST: '0.0.0.0' }).host).toBe('0.0.0.0');
    expect(readConfig(REVERB).host).toBe('0.0.0.0');
  });

  test('7.1 white space in a secret is part of it, quotes around all of it are not', () => {
    const secretOf = (text: string) =>
      readConfig({ ...REVERB, REVERB_APP_SECRET: text }).apps[0]?.credentials[0].secret;
    expect([' a b ', '"c"', "'d'", '"e'].map(secretOf)).toEqual([' a b ', 'c', 'd', '"e']);
  });

  test('7.6 the unused names are kept beside those that are used', () => {
    const { unusedApps, unusedAppsHint } = readConfig({ ...REVERB, ...PUSHER });
    expect(unusedApps).toEqual([{ names: 'PUSHER_APP_*', id: 'p-id' }]);
    expect(unusedAppsHint).toBe(
      'PUSHER_APP_* (id p-id) are set too, and not used, because REVERB_APP_* wins',
    );
    expect(readConfig(REVERB).unusedAppsHint).toBeUndefined();
    expect(readConfig(REVERB).unusedApps).toEqual([]);
    expect(readConfig(withApps([LARAVEL_APP], REVERB)).unusedApps).toEqual([
      { names: 'REVERB_APP_*', id: 'r-id' },
    ]);
  });

  test('7.6 WAVEHALL_APP_CREDENTIALS adds pairs behind the current one', () => {
    const [app] = readConfig({ ...REVERB, WAVEHALL_APP_CREDENTIALS: 'old:one, older:two ,' }).apps;
    expect(app?.credentials).toEqual([
      { key: 'r-key', secret: 'r-secret' },
      { key: 'old', secret: 'one' },
      { key: 'older', secret: 'two' },
    ]);
  });

  test('7.6 a secret may hold a colon', () => {
    const [app] = readConfig({ ...REVERB, WAVEHALL_APP_CREDENTIALS: 'old:one:two' }).apps;
    expect(app?.credentials[1]).toEqual({ key: 'old', secret: 'one:two' });
  });

  test('7.6 a secret is changed under the same key', () => {
    const [app] = readConfig({ ...REVERB, WAVEHALL_APP_CREDENTIALS: 'r-key:before' }).apps;
    expect(app?.credentials[1]).toEqual({ key: 'r-key', secret: 'before' });
  });

  test.each(['old', 'old:', `:${SECRET}`, `old:one,${SECRET}`])(
    '7.6 WAVEHALL_APP_CREDENTIALS=%s is refused without being shown',
    (value) => {
      expect(problemsOf({ ...REVERB, WAVEHALL_APP_CREDENTIALS: value })).toEqual([
        'WAVEHALL_APP_CREDENTIALS: expected key:secret pairs separated by commas',
      ]);
    },
  );
});

describe('apps as JSON', () => {
  test('7.6 an unchanged app of config/reverb.php is the app with every default', () => {
    const [fromJson] = readConfig(withApps([LARAVEL_APP])).apps;
    const [fromEnvironment] = readConfig({
      REVERB_APP_ID: '100001',
      REVERB_APP_KEY: 'k1',
      REVERB_APP_SECRET: 's1',
    }).apps;
    expect(fromJson).toEqual(fromEnvironment);
  });

  test('7.6 the options of an app are read, numbers as strings and switches as words too', () => {
    const [app] = readConfig(
      withApps([
        {
          ...LARAVEL_APP,
          app_id: 7,
          allowed_origins: ['a.test', '*.b.test'],
          ping_interval: '25',
          activity_timeout: '20',
          max_connections: '500',
          max_message_size: '20000',
          accept_client_events_from: 'all',
          rate_limiting: { enabled: '1', max_attempts: '5', decay_seconds: 6, terminate_on_limit: true },
          cache_ttl: 9,
          subscription_counts: 'true',
          credentials: [{ key: 'old', secret: 'one' }],
        },
      ]),
    ).apps;
    expect(app).toMatchObject({
      id: '7',
      credentials: [
        { key: 'k1', secret: 's1' },
        { key: 'old', secret: 'one' },
      ],
      allowedOrigins: ['a.test', '*.b.test'],
      pingIntervalSeconds: 25,
      activityTimeoutSeconds: 20,
      clientEvents: 'all',
      rateLimiting: { maxAttempts: 5, decaySeconds: 6, terminate: true },
      cacheTtlSeconds: 9,
      subscriptionCounts: true,
      limits: { connections: 500, messageBytes: 20_000 },
    });
  });

  test('2.6 an empty list of origins allows no page, a missing one allows all', () => {
    const silent = { ...LARAVEL_APP, allowed_origins: undefined };
    const second = { ...silent, app_id: '2', key: 'k2', allowed_origins: [] };
    expect(readConfig(withApps([silent, second])).apps.map(({ allowedOrigins }) => allowedOrigins)).toEqual([
      ['*'],
      [],
    ]);
  });

  test('7.6 an option that an app does not set is read from the environment; its own options take precedence', () => {
    const silent = { ...LARAVEL_APP, ping_interval: undefined };
    const apps = [silent, { ...LARAVEL_APP, app_id: '2', key: 'k2' }];
    const config = readConfig(withApps(apps, { REVERB_APP_PING_INTERVAL: '11' }));
    expect(config.apps.map(({ pingIntervalSeconds }) => pingIntervalSeconds)).toEqual([11, 60]);
  });

  test('7.6 WAVEHALL_APPS comes before WAVEHALL_APPS_FILE, and both before REVERB_APP_*', () => {
    const file = temporaryFile('apps.json', JSON.stringify([{ ...LARAVEL_APP, app_id: 'file' }]));
    const fromFile = readConfig({ ...REVERB, WAVEHALL_APPS_FILE: file });
    const both = readConfig(withApps([LARAVEL_APP], { ...REVERB, WAVEHALL_APPS_FILE: file }));
    expect([fromFile.apps.map(({ id }) => id), fromFile.appsFrom]).toEqual([['file'], file]);
    expect([both.apps.map(({ id }) => id), both.appsFrom]).toEqual([['100001'], 'WAVEHALL_APPS']);
  });

  const whole = (tls: unknown) => ({
    default: 'reverb',
    servers: {
      reverb: {
        host: '0.0.0.0',
        port: 8080,
        path: '',
        hostname: null,
        options: { tls },
        max_request_size: 10_000,
        scaling: { enabled: false, channel: 'reverb', server: { url: null, host: '127.0.0.1' } },
        pulse_ingest_interval: 15,
        telescope_ingest_interval: 15,
      },
    },
    apps: { provider: 'config', apps: [LARAVEL_APP] },
  });

  test('7.6 the whole of config("reverb") gives its apps', () => {
    const config = readConfig(withApps(whole([])));
    expect(config.apps).toEqual(readConfig(withApps([LARAVEL_APP])).apps);
    expect(config.tls).toEqual(readConfig({}).tls);
  });

  test('2.1 the whole of config("reverb") gives its certificate, before the environment', () => {
    const tls = { local_cert: '/a.crt', local_pk: '/a.key', passphrase: 'open', verify_peer: false };
    const more = { WAVEHALL_TLS_CERT: '/b.crt', WAVEHALL_TLS_PASSPHRASE: 'other' };
    expect(readConfig(withApps(whole(tls), more)).tls).toEqual({
      localCert: '/a.crt',
      localPk: '/a.key',
      passphrase: 'open',
      hostname: undefined,
    });
    expect(readConfig(withApps(whole({ local_cert: null }), more)).tls).toMatchObject({
      localCert: '/b.crt',
      passphrase: 'other',
    });
  });
});

describe('what has no effect', () => {
  const config = (server: object) =>
    readConfig(withApps({ servers: { reverb: server }, apps: { apps: [LARAVEL_APP] } }));

  test('8.12 max_request_size of the whole of config("reverb") is read', () => {
    expect(config({ max_request_size: 500_000 }).apps[0]?.limits.requestBytes).toBe(500_000);
    expect(config({ max_request_size: 10_000 }).apps[0]?.limits.requestBytes).toBe(131_072);
  });

  test('7.6 a warning names each key of servers.reverb that is ignored', () => {
    expect(config({ port: 9000, hostname: null, path: '', scaling: { enabled: true } }).warnings).toEqual([
      'WAVEHALL_APPS: servers.reverb.port is ignored: set REVERB_SERVER_PORT',
      'WAVEHALL_APPS: servers.reverb.scaling is ignored: set REVERB_SCALING_ENABLED and REDIS_*',
    ]);
    expect(config({ scaling: { enabled: false } }).warnings).toEqual([]);
  });

  test('7.6 one warning names an unknown key of an app', () => {
    const apps = [
      { ...LARAVEL_APP, cache_tll: 1 },
      { ...LARAVEL_APP, app_id: '2', key: 'k2', cache_tll: 1, rate_limiting: { decay: 1 } },
    ];
    expect(readConfig(withApps(apps)).warnings).toEqual([
      'WAVEHALL_APPS: the key "cache_tll" of an app is not known, and is ignored',
      'WAVEHALL_APPS: the key "rate_limiting.decay" of an app is not known, and is ignored',
    ]);
    expect(readConfig(withApps([LARAVEL_APP])).warnings).toEqual([]);
  });
});

describe('what is wrong with apps', () => {
  const list = 'expected a JSON list of apps, as config("reverb.apps.apps") gives it';

  test.each([
    ['{', 'WAVEHALL_APPS: expected JSON (it cannot be parsed)'],
    ['[]', `WAVEHALL_APPS: ${list}`],
    ['{}', `WAVEHALL_APPS: ${list}`],
    ['7', `WAVEHALL_APPS: ${list}`],
    ['{"apps":{"apps":{}}}', `WAVEHALL_APPS: ${list}`],
    ['[7]', 'WAVEHALL_APPS[0]: expected an object'],
    ['[[]]', 'WAVEHALL_APPS[0]: expected an object'],
  ])('7.6 WAVEHALL_APPS=%s is refused', (json, problem) => {
    expect(problemsOf({ WAVEHALL_APPS: json })).toEqual([problem]);
  });

  test.each(['app_id', 'key', 'secret'])(
    '7.1 an app without %s is refused, as signatures need a value',
    (name) => {
      for (const nothing of [undefined, null, '', true, {}]) {
        const app = { ...LARAVEL_APP, [name]: nothing };
        expect(problemsOf(withApps([LARAVEL_APP, app]))).toContain(
          `WAVEHALL_APPS[1].${name}: expected a text`,
        );
      }
    },
  );

  test.each([
    ['not a list', 'k:s'],
    ['a text', ['k:s']],
    ['without secret', [{ key: 'k' }]],
    ['an empty secret', [{ key: 'k', secret: '' }]],
    ['an empty key', [{ key: '', secret: SECRET }]],
  ])('7.6 credentials that are wrong (%s) are refused, not left out', (_, credentials) => {
    const problems = problemsOf(withApps([{ ...LARAVEL_APP, credentials }]));
    expect(problems).toEqual(['WAVEHALL_APPS[0].credentials: expected a list of {"key": …, "secret": …}']);
  });

  test('7.6 a wrong value is named with its app and key', () => {
    const apps = [
      LARAVEL_APP,
      { ...LARAVEL_APP, app_id: '2', key: 'k2', ping_interval: -1, rate_limiting: { max_attempts: 'x' } },
    ];
    expect([...problemsOf(withApps(apps))].sort()).toEqual([
      'WAVEHALL_APPS[1].ping_interval="-1": expected a whole number from 1 to 86400',
      'WAVEHALL_APPS[1].rate_limiting.max_attempts="x": expected a whole number from 1',
    ]);
  });

  test('7.6 one id and one key belong to one app', () => {
    const other = { ...LARAVEL_APP, key: 'k2' };
    expect(problemsOf(withApps([LARAVEL_APP, other]))).toEqual([
      'WAVEHALL_APPS: app_id "100001": expected to be used by one app only',
    ]);
    expect(problemsOf(withApps([LARAVEL_APP, { ...LARAVEL_APP, app_id: '2' }]))).toEqual([
      'WAVEHALL_APPS: key "k1": expected to be used by one app only',
    ]);
    const rotated = { ...LARAVEL_APP, app_id: '2', key: 'k2', credentials: [{ key: 'k1', secret: 'x' }] };
    expect(problemsOf(withApps([LARAVEL_APP, rotated]))).toEqual([
      'WAVEHALL_APPS: key "k1": expected to be used by one app only',
    ]);
  });

  test('7.6 a file that cannot be read or parsed is named', () => {
    expect(problemsOf({ WAVEHALL_APPS_FILE: '/no/such.json' })).toEqual([
      expect.stringMatching(/^WAVEHALL_APPS_FILE="\/no\/such\.json": ENOENT/),
    ]);
    const file = temporaryFile('apps.json', `[{"secret": "${SECRET}"`);
    expect(problemsOf({ WAVEHALL_APPS_FILE: file })).toEqual([
      `${file}: expected JSON (it cannot be parsed)`,
    ]);
  });

  test('7.1 no error shows a secret', () => {
    const broken: Variables[] = [
      { REVERB_APP_SECRET: SECRET },
      { PUSHER_APP_SECRET: SECRET, PUSHER_APP_ID: 'a' },
      { ...REVERB, WAVEHALL_APP_CREDENTIALS: `${SECRET},x` },
      { WAVEHALL_APPS: `[{"secret":"${SECRET}"` },
      { WAVEHALL_APPS: `"${SECRET}"` },
      withApps([{ ...LARAVEL_APP, secret: SECRET, key: { secret: SECRET } }]),
      withApps([{ ...LARAVEL_APP, secret: [SECRET] }]),
      withApps([{ ...LARAVEL_APP, credentials: [{ secret: SECRET }] }]),
      withApps([LARAVEL_APP, { ...LARAVEL_APP, secret: SECRET }]),
      { WAVEHALL_TLS_PASSPHRASE: SECRET, WAVEHALL_DEBUG: 'x' },
    ];
    for (const variables of broken) {
      const problems = problemsOf(variables);
      expect(problems.length).toBeGreaterThan(0);
      expect(problems.join('\n')).not.toContain(SECRET);
    }
  });
});
