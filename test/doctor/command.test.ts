/** The command `wavehall doctor`, as a process: exit codes, JSON, machines without PHP, bad input, Redis and open files. */
import { spawn } from 'node:child_process';
import { mkdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { MAIN, temporaryFolder } from '../cli/command.ts';
import { freePort } from '../support/free-port.ts';
import { redisCli, startRedis } from '../support/redis.ts';
import { startServer } from '../support/server.ts';
import { startSilent } from './faulty-sites.ts';
import {
  ECHO,
  ending,
  examineFolder,
  expectNoSecret,
  type Variables,
  variablesFor,
  writeEnv,
} from './app.ts';

const TIMEOUT_MS = 60_000;

interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the command; without PHP unless `path` has it. */
function doctor(
  args: readonly string[],
  env: Record<string, string> = {},
  openFiles?: number,
): Promise<Outcome> {
  const words = [process.execPath, MAIN, 'doctor', ...args];
  const limited =
    openFiles === undefined ? words : ['/bin/sh', '-c', `ulimit -n ${openFiles}; exec "$@"`, 'sh', ...words];
  const child = spawn(limited[0] ?? '', limited.slice(1), {
    env: { PATH: '/nowhere', ...env },
    stdio: 'pipe',
  });
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  onTestFinished(() => void child.kill('SIGKILL'));
  return new Promise((resolve) => {
    child.on('close', (code) => {
      expectNoSecret(stdout + stderr);
      resolve({ code, stdout, stderr });
    });
  });
}

/** The files of an app that are read without PHP. */
function writeApp(port: number, changes: Variables = {}): string {
  const folder = temporaryFolder();
  mkdirSync(join(folder, 'resources/js'), { recursive: true });
  mkdirSync(join(folder, 'bootstrap/cache'), { recursive: true });
  writeFileSync(join(folder, 'artisan'), '');
  writeFileSync(join(folder, 'resources/js/echo.js'), ECHO);
  writeEnv(join(folder, '.env'), variablesFor(port, changes));
  return folder;
}

const start = async (env: Record<string, string> = {}) =>
  ending(
    await startServer({
      ...{ REVERB_APP_ID: 'app-id', REVERB_APP_KEY: 'app-key', REVERB_APP_SECRET: 'planted-secret-1' },
      ...env,
    }),
  );

test('exits with 0 without a problem, also on a machine without PHP', { timeout: TIMEOUT_MS }, async () => {
  const { port } = await start();
  const { code, stdout } = await doctor(['--laravel', writeApp(port)]);
  expect(stdout).toContain('0 errors, 0 warnings');
  expect(stdout).toMatch(/skipped {2}laravel-config .*PHP is not on this machine/);
  expect(stdout).toMatch(/ok {7}round-trip/);
  expect(code).toBe(0);
});

test(
  'exits with 1 for warnings, and finds a cache that PHP cannot read',
  { timeout: TIMEOUT_MS },
  async () => {
    const { port } = await start();
    const folder = writeApp(port);
    writeFileSync(join(folder, 'bootstrap/cache/config.php'), '<?php return [];');
    writeEnv(join(folder, '.env'), variablesFor(port));
    utimesSync(join(folder, 'bootstrap/cache/config.php'), 1, 1);
    const { code, stdout } = await doctor(['--laravel', folder]);
    expect(stdout).toContain('warning  config-cache-older');
    expect(code).toBe(1);
  },
);

test('exits with 2 for errors, and prints JSON', { timeout: TIMEOUT_MS }, async () => {
  const { port } = await start();
  const folder = writeApp(port, { BROADCAST_CONNECTION: 'log' });
  const { code, stdout } = await doctor(['--laravel', folder, '--json']);
  const report = JSON.parse(stdout);
  expect(report).toMatchObject({ laravel: folder, errors: 1, publicUrl: `ws://127.0.0.1:${port}/` });
  expect(report.findings).toContainEqual({
    name: 'broadcast-driver-not-sending',
    severity: 'error',
    message: 'broadcasting.default is "log": events are written to the log',
    means: 'Laravel sends no event to any server.',
    fix: {
      file: join(folder, '.env'),
      lineNumber: 6,
      line: 'BROADCAST_CONNECTION=reverb',
      run: 'php artisan queue:restart',
    },
  });
  expect(code).toBe(2);
});

test('checks a server without an app of Laravel, by its .env alone', { timeout: TIMEOUT_MS }, async () => {
  const { port } = await start();
  const { code, stdout } = await doctor(['--env-file', join(writeApp(port), '.env')]);
  expect(stdout).toMatch(/ok {7}round-trip/);
  expect(code).toBe(0);
});

test('refuses bad input with one sentence and exit code 2', { timeout: TIMEOUT_MS }, async () => {
  const [folder, broken] = [writeApp(8080), writeApp(8080)];
  writeFileSync(join(broken, '.env'), 'REVERB_APP_SECRET="planted-secret-2\n');
  const none = temporaryFolder();
  const [unreadable, without] = [writeApp(8080), writeApp(8080)];
  for (const each of [unreadable, without]) rmSync(join(each, '.env'));
  mkdirSync(join(unreadable, '.env'));
  const cases: readonly (readonly [args: readonly string[], text: string])[] = [
    [['--laravel', join(none, 'missing')], 'it is no folder'],
    [['--laravel', none], 'with the file artisan'],
    [['--laravel', unreadable], 'cannot be read (EISDIR)'],
    [['--laravel', without], 'cannot be read (ENOENT)'],
    [['--laravel', broken], 'line 1: REVERB_APP_SECRET: expected a closing quote'],
    [['--laravel', folder, '--url', 'ws.example.com'], 'expected an address such as wss://ws.example.com'],
    [['--laravel', folder, '--url', 'wss://user:planted-password@ws.example.com'], 'without a user'],
    [['--laravel', folder, '--timeout', '0'], '--timeout "0": expected seconds from 0.1 to 120'],
    [['--laravel', folder, '--wait', 'long'], '--wait "long": expected seconds from 0 to 3600'],
  ];
  for (const [args, text] of cases) {
    const { code, stdout, stderr } = await doctor(args);
    expect(stderr).toMatch(/^wavehall: [^\n]+\n$/);
    expect(stderr).toContain(text);
    expect(stdout).toBe('');
    expect(code).toBe(2);
  }
});

test('refuses a file of the server that cannot be read, in the words of Node 20 or of Wavehall', async () => {
  const { code, stderr } = await doctor(['--laravel', writeApp(8080), '--env-file', '/no/such/.env']);
  expect(stderr).toMatch(/^(wavehall|node|.*\/node): .*\/no\/such\/\.env: .+\n$/);
  expect(code).toBeGreaterThan(1);
});

test('ends in time when the server never answers', { timeout: TIMEOUT_MS }, async () => {
  const silent = ending(await startSilent(0));
  const startedAtMs = Date.now();
  const { code, stdout } = await doctor(['--laravel', writeApp(silent.port), '--timeout', '0.5']);
  expect(stdout).toContain('server-not-answering');
  expect(code).toBe(2);
  expect(Date.now() - startedAtMs).toBeLessThan(20_000);
});

test('finds open-files-low', { timeout: TIMEOUT_MS }, async () => {
  const { stdout } = await doctor(['--laravel', writeApp(await freePort())], {}, 4096);
  expect(stdout).toMatch(/warning {2}open-files-low +a process of this shell may have 4,096 files open/);
});

test('finds open-files-low of the server that runs, not of this shell', { timeout: TIMEOUT_MS }, async () => {
  const server = ending(
    await startServer(
      { REVERB_APP_ID: 'app-id', REVERB_APP_KEY: 'app-key', REVERB_APP_SECRET: 'planted-secret-1' },
      [],
      ['start'],
      { openFiles: 4096 },
    ),
  );
  const { stdout } = await doctor(['--laravel', writeApp(server.port)]);
  expect(stdout).toContain(`the server (process ${server.pid}) may have 4,096 files open`);
});

const scaling = (port: number, more: Variables = {}): Variables => ({
  REVERB_SCALING_ENABLED: 'true',
  REDIS_HOST: '127.0.0.1',
  REDIS_PORT: String(port),
  ...more,
});

test(
  'finds redis-no-permission, redis-login-refused and redis-unreachable',
  { timeout: TIMEOUT_MS },
  async () => {
    const redis = ending(await startRedis());
    const { port } = redis;
    const rules = ['on', '>planted-password', '~wavehall:*', '&wavehall:*', '+@all', '-publish', '-zadd'];
    await redisCli(['-p', String(port), 'acl', 'setuser', 'wavehall', ...rules]);
    const login = { REDIS_USERNAME: 'wavehall', REDIS_PASSWORD: 'planted-password' };
    const without = async (more: Variables) => examineFolder(writeApp(await freePort(), scaling(port, more)));
    const { problems, finding } = await without(login);
    expect(problems).toContain('redis-no-permission');
    expect(finding('redis-no-permission').message).toMatch(/PUBLISH|ZADD/);
    expect((await without({ ...login, REDIS_PASSWORD: 'planted-secret-2' })).problems).toContain(
      'redis-login-refused',
    );
    expect((await without({})).finding('redis')).toMatchObject({ severity: 'ok' });
    await redis.kill();
    expect((await without({})).problems).toContain('redis-unreachable');
  },
);

test('finds redis-evicts-keys', { timeout: TIMEOUT_MS }, async () => {
  const redis = ending(await startRedis(['--maxmemory', '100mb', '--maxmemory-policy', 'allkeys-lru']));
  const { problems } = await examineFolder(writeApp(await freePort(), scaling(redis.port)));
  expect(problems).toContain('redis-evicts-keys');
});
