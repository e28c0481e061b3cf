/** Faults in the settings of Laravel, of Vite and Echo, and of the server, each found by its name. */
import { mkdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { execFileSync } from 'node:child_process';
import { startRedis, redisCli } from '../support/redis.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { freePort } from '../support/free-port.ts';
import {
  ECHO,
  ending,
  examine,
  examineFolder,
  plant,
  type App,
  type Plant,
  prepareApp,
  withLaravel,
} from './app.ts';

const SETUP_MS = 300_000;

const SERVER_APP = {
  REVERB_APP_ID: 'app-id',
  REVERB_APP_KEY: 'app-key',
  REVERB_APP_SECRET: 'planted-secret-1',
};

const echoWith = (from: string | RegExp, to: string): Plant => ({
  files: { 'resources/js/echo.js': ECHO.replace(from, to) },
});

const queueConfig = (
  driver: string,
): string => `<?php return ['default' => env('QUEUE_CONNECTION', 'sync'), 'connections' => [
  'sync' => ['driver' => 'sync'],
  'null' => ['driver' => 'null'],
  'jobs' => ['driver' => '${driver}', 'connection' => 'jobs', 'table' => 'jobs', 'queue' => 'default'],
]];`;

withLaravel('faults of settings', () => {
  let app: App;
  let server: TestServer;

  beforeAll(async () => {
    const port = await freePort();
    app = await prepareApp(port, true);
    server = await startServer({ ...SERVER_APP, REVERB_SERVER_PORT: String(port) });
  }, SETUP_MS);
  afterAll(async () => {
    await server.close();
    app.remove();
  });

  test('a right set-up has no problem, and every leg of an event was tried', async () => {
    const { problems, findings } = await examine(app);
    expect(problems).toEqual([]);
    const passed = findings.filter(({ severity }) => severity === 'ok').map(({ name }) => name);
    expect(passed).toEqual(
      expect.arrayContaining(['credentials', 'built-assets', 'server', 'publish', 'connect', 'round-trip']),
    );
  });

  test('a right set-up with cached configuration has no problem', async () => {
    const { copy } = plant(app, {});
    execFileSync('php', ['artisan', 'config:cache'], {
      cwd: copy,
      env: { PATH: process.env.PATH },
      stdio: 'ignore',
    });
    const { problems, finding } = await examineFolder(copy);
    expect(problems).toEqual([]);
    expect(finding('config-cache')).toMatchObject({
      severity: 'ok',
      message: expect.stringContaining('config.php'),
    });
  });

  const planted: readonly (readonly [name: string, fault: Plant])[] = [
    ['broadcast-driver-not-sending', { env: { BROADCAST_CONNECTION: 'null' } }],
    ['broadcast-connection-unknown', { env: { BROADCAST_CONNECTION: 'ably' } }],
    ['broadcast-variable-renamed', { env: { BROADCAST_CONNECTION: undefined, BROADCAST_DRIVER: 'reverb' } }],
    ['credentials-missing', { env: { REVERB_APP_SECRET: '' }, server: {} }],
    ['app-id-mismatch', { env: { REVERB_APP_ID: 'other-id' }, server: {} }],
    ['app-key-mismatch', { env: { REVERB_APP_KEY: 'other-key' }, server: {} }],
    ['app-secret-mismatch', { env: { REVERB_APP_SECRET: 'planted-secret-2' }, server: {} }],
    ['publish-signature-refused', { env: { REVERB_APP_SECRET: 'planted-secret-2' } }],
    ['subscribe-refused', { env: { REVERB_APP_SECRET: 'planted-secret-2' } }],
    ['publish-app-unknown', { env: { REVERB_APP_ID: 'other-id' } }],
    ['publish-host-invalid', { env: { REVERB_HOST: 'https://ws.example.com' } }],
    ['publish-host-unknown', { env: { REVERB_HOST: 'no-such-host.invalid', VITE_REVERB_HOST: '127.0.0.1' } }],
    ['publish-refused', { env: { REVERB_PORT: '1' } }],
    ['publish-port-mismatch', { env: { REVERB_PORT: '1' } }],
    ['publish-scheme-wrong', { env: { REVERB_SCHEME: 'https', VITE_REVERB_SCHEME: 'http' } }],
    [
      'publish-to-pusher',
      {
        env: {
          BROADCAST_CONNECTION: 'pusher',
          PUSHER_APP_ID: 'app-id',
          PUSHER_APP_KEY: 'app-key',
          PUSHER_APP_SECRET: 'planted-secret-1',
        },
      },
    ],
    ['secret-exposed', { env: { VITE_REVERB_APP_SECRET: '"${REVERB_APP_SECRET}"' } }],
    ['vite-variable-missing', { env: { VITE_REVERB_HOST: undefined } }],
    ['vite-key-mismatch', { env: { VITE_REVERB_APP_KEY: 'older-key' } }],
    ['connect-app-unknown', { env: { VITE_REVERB_APP_KEY: 'older-key' } }],
    ['build-key-mismatch', { env: { VITE_REVERB_APP_KEY: 'older-key' } }],
    ['connect-refused', { env: { VITE_REVERB_PORT: '1' } }],
    ['build-address-mismatch', { env: { VITE_REVERB_HOST: 'localhost' } }],
    ['connect-host-unknown', { env: { VITE_REVERB_HOST: 'no-such-host.invalid' } }],
    ['connect-scheme-wrong', { env: { VITE_REVERB_SCHEME: 'https' } }],
    ['vite-host-invalid', { env: { VITE_REVERB_HOST: 'ws://127.0.0.1' } }],
    ['vite-host-local', { env: { APP_URL: 'http://app.example.com' } }],
    ['vite-mixed-content', { env: { APP_URL: 'https://127.0.0.1' } }],
    ['echo-connects-to-pusher', echoWith(/ {4}wsHost.*\n/, '')],
    ['echo-cluster-missing', echoWith("broadcaster: 'reverb'", "broadcaster: 'pusher'")],
    ['echo-broadcaster-other', echoWith("broadcaster: 'reverb'", "broadcaster: 'socket.io'")],
    ['echo-force-tls', echoWith(/forceTLS: .*/, 'forceTLS: true,')],
    ['echo-transport-missing', echoWith("['ws', 'wss']", "['xhr_streaming']")],
    ['echo-path-mismatch', echoWith('wsPort:', "wsPath: '/other',\n    wsPort:")],
    ['connect-path-wrong', echoWith('wsPort:', "wsPath: '/other',\n    wsPort:")],
    ['echo-packages-missing', { files: { 'package.json': '{"dependencies": {"laravel-echo": "^2.0.0"}}' } }],
    ['build-hot-file', { env: { APP_ENV: 'production' }, files: { 'public/hot': 'http://[::1]:5173' } }],
    [
      'queue-discards-jobs',
      { env: { QUEUE_CONNECTION: 'null' }, files: { 'config/queue.php': queueConfig('database') } },
    ],
    [
      'queue-connection-unknown',
      { env: { QUEUE_CONNECTION: 'rabbit' }, files: { 'config/queue.php': queueConfig('database') } },
    ],
    [
      'laravel-config-unreadable',
      { files: { 'config/broadcasting.php': '<?php throw new Exception("planted-password");' } },
    ],
    [
      'reverb-config-changed',
      {
        files: {
          'config/reverb.php':
            "<?php return ['apps' => ['apps' => [['app_id' => 'app-id', 'allowed_origins' => ['app.test']]]]];",
        },
      },
    ],
    ['server-settings-invalid', { env: { WAVEHALL_DRAIN_SECONDS: 'soon' } }],
    ['environment-overrides-env', { options: { variables: { REVERB_HOST: 'localhost' } } }],
  ];

  test.each(planted)('finds %s', async (name, fault) => {
    const { problems, finding } = await examine(app, fault);
    expect(problems).toContain(name);
    const { message, means } = finding(name);
    expect(message).not.toBe('');
    expect(means).not.toBe('');
  });

  test('names the file, the number of the line and the line to write', async () => {
    const { finding } = await examine(app, { env: { REVERB_PORT: '1' } });
    const { fix } = finding('publish-port-mismatch');
    expect(fix).toMatchObject({ line: `REVERB_PORT=${app.port}`, run: 'php artisan queue:restart' });
    const lines = readLines(fix?.file);
    expect(lines[(fix?.lineNumber ?? 0) - 1]).toBe('REVERB_PORT=1');
  });

  test('names the port of the HTTP API when it has one of its own', async () => {
    const { finding } = await examine(app, {
      env: { REVERB_PORT: '1' },
      server: { WAVEHALL_API_PORT: '8181' },
    });
    expect(finding('publish-port-mismatch').fix).toMatchObject({ line: 'REVERB_PORT=8181' });
  });

  test('finds config-cache-stale: the cached configuration has other values', async () => {
    const { copy } = plant(app, { env: { REVERB_PORT: '1' } });
    execFileSync('php', ['artisan', 'config:cache'], {
      cwd: copy,
      env: { PATH: process.env.PATH },
      stdio: 'ignore',
    });
    writeFileSync(
      join(copy, '.env'),
      plantedEnv(copy).replace('REVERB_PORT=1\n', `REVERB_PORT=${app.port}\n`),
    );
    const { problems, finding } = await examineFolder(copy);
    expect(problems).toContain('config-cache-stale');
    expect(finding('config-cache-stale').message).toContain('broadcasting port');
    // Laravel still publishes there.
    expect(problems).toContain('publish-refused');
  });

  test('finds config-cache-older: the cache cannot be read, and is older than .env', async () => {
    const { copy } = plant(app, { files: { 'bootstrap/cache/config.php': '<?php throw new Exception();' } });
    utimesSync(join(copy, 'bootstrap/cache/config.php'), 1, 1);
    expect((await examineFolder(copy)).problems).toContain('config-cache-older');
  });

  test('finds config-cache-unreadable: the cache cannot be loaded', async () => {
    const { copy } = plant(app, {});
    writeFileSync(join(copy, 'bootstrap/cache/config.php'), '<?php throw new Exception();');
    expect((await examineFolder(copy)).problems).toContain('config-cache-unreadable');
  });

  test('finds build-missing: nothing is built', async () => {
    const { copy } = plant(app, {});
    execFileSync('rm', ['-r', join(copy, 'public/build')]);
    expect((await examineFolder(copy)).problems).toEqual(['build-missing']);
  });

  test('finds build-stale: the assets are older, and their values cannot be read', async () => {
    const { copy } = plant(app, {});
    writeFileSync(join(copy, 'public/build/manifest.json'), '{}');
    utimesSync(join(copy, 'public/build/manifest.json'), 1, 1);
    expect((await examineFolder(copy)).problems).toEqual(['build-stale']);
  });

  test('finds pusher-sdk-missing: the library is not installed', async () => {
    const { copy } = plant(app, {});
    execFileSync('rm', ['-r', join(copy, 'vendor/pusher')]);
    expect((await examineFolder(copy)).problems).toContain('pusher-sdk-missing');
  });

  test('finds queue-not-running: jobs wait in a SQLite file', async () => {
    const { copy } = plant(app, {
      env: { QUEUE_CONNECTION: 'jobs' },
      files: {
        'config/queue.php': queueConfig('database'),
        'config/database.php':
          "<?php return ['connections' => ['jobs' => ['driver' => 'sqlite', 'database' => database_path('jobs.sqlite')]]];",
      },
    });
    mkdirSync(join(copy, 'database'), { recursive: true });
    const sql =
      'create table jobs (id integer primary key, queue text, payload text, reserved_at integer, available_at integer)';
    const run = (statement: string) =>
      execFileSync('php', [
        '-r',
        `(new PDO('sqlite:${join(copy, 'database/jobs.sqlite')}'))->exec($argv[1]);`,
        statement,
      ]);
    run(sql);
    expect((await examineFolder(copy)).problems).toEqual([]);
    run("insert into jobs (queue, payload, available_at) values ('default', '{}', 1)");
    expect((await examineFolder(copy)).problems).toEqual(['queue-not-running']);
    run('update jobs set reserved_at = 1');
    expect((await examineFolder(copy)).problems).toEqual([]);
  });

  test('finds queue-not-running and queue-redis-unreachable: jobs wait in Redis', async () => {
    const redis = ending(await startRedis());
    const { copy } = plant(app, {
      env: { QUEUE_CONNECTION: 'jobs' },
      files: {
        'config/queue.php': queueConfig('redis'),
        'config/database.php': `<?php return ['redis' => ['options' => ['prefix' => 'pier:'], 'jobs' => ['host' => '127.0.0.1', 'port' => '${redis.port}']]];`,
      },
    });
    expect((await examineFolder(copy)).problems).toEqual([]);
    await redisCli(['-p', String(redis.port), 'rpush', 'pier:queues:default', 'one', 'two']);
    const { finding } = await examineFolder(copy);
    expect(finding('queue-not-running').message).toContain('2 jobs wait');
    await redisCli(['-p', String(redis.port), 'zadd', 'pier:queues:default:reserved', '1', 'three']);
    expect((await examineFolder(copy)).problems).toEqual([]);
    await redis.kill();
    expect((await examineFolder(copy)).problems).toEqual(['queue-redis-unreachable']);
  });
});

const plantedEnv = (copy: string): string => readLines(join(copy, '.env')).join('\n');
const readLines = (file = ''): string[] => readFileSync(file, 'utf8').split('\n');
