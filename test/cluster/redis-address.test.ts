/** The address of Redis in each form that Laravel's `.env` and other programs write: two servers connect through it. */
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { run } from '../cli/command.ts';
import { startRedis, type TestRedis } from '../support/redis.ts';
import { startTlsRedis, type TlsRedis } from '../support/redis-tls.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { eventually, Wire } from '../support/wire.ts';
import { publisher } from '../support/wire-http.ts';

const APP = { id: 'a', key: 'k', secret: 'hush-hush-hush' };
/** Variables that Kubernetes and Docker give every container beside a service that is called redis. */
const FOREIGN = { REDIS_PORT: 'tcp://10.0.0.2:6379', REDIS_PORT_6379_TCP: 'tcp://10.0.0.2:6379' };

async function startNode(env: Record<string, string>): Promise<TestServer> {
  const server = await startServer({
    REVERB_APP_ID: APP.id,
    REVERB_APP_KEY: APP.key,
    REVERB_APP_SECRET: APP.secret,
    WAVEHALL_DRAIN_SECONDS: '0',
    ...env,
  });
  onTestFinished(() => server.close());
  return server;
}

/** Expects an event that is published at one node to arrive at a client of the other. */
async function expectExchange(env: Record<string, string>): Promise<TestServer> {
  const scaled = { REVERB_SCALING_ENABLED: 'true', WAVEHALL_LEASE_SECONDS: '2', ...env };
  const [one, other] = [await startNode(scaled), await startNode(scaled)];
  const wire = await Wire.open(other, `/app/${APP.key}?protocol=7`);
  onTestFinished(() => wire.drop());
  wire.send({ event: 'pusher:subscribe', data: { channel: 'orders' } });
  await wire.next('pusher_internal:subscription_succeeded');
  const event = { name: 'shipped', channel: 'orders', data: '{"no":1}' };
  expect((await publisher({ ...APP, ...one, prefix: '' }).post('/events', event)).status).toBe(200);
  expect(await wire.next('shipped')).toMatchObject({ channel: 'orders', data: '{"no":1}' });
  return one;
}

/** Runs the start, which must fail without a secret in its error; returns the error. */
async function refusal(env: Record<string, string>): Promise<string> {
  const { code, stdout, stderr } = await run(['start'], { REVERB_SCALING_ENABLED: 'true', ...env });
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
  expect(stderr).not.toMatch(/hush/);
  return stderr.trim();
}

describe('a unix socket', () => {
  let redis: TestRedis;
  let path: string;
  beforeAll(async () => {
    redis = await startRedis(['--unixsocket', 'redis.sock', '--requirepass', 'hush-hush']);
    path = join(redis.folder, 'redis.sock');
  });
  afterAll(() => redis.close());

  test.each<readonly [string, (path: string) => Record<string, string>]>([
    ['REDIS_HOST as a path, with the REDIS_PORT=0 of Laravel', (at) => ({ REDIS_HOST: at, REDIS_PORT: '0' })],
    ['REDIS_HOST after unix://', (at) => ({ REDIS_HOST: `unix://${at}`, ...FOREIGN })],
    ['REDIS_SCHEME=unix and REDIS_PATH', (at) => ({ REDIS_SCHEME: 'unix', REDIS_PATH: at, ...FOREIGN })],
    ['REDIS_SCHEME=unix and REDIS_HOST', (at) => ({ REDIS_SCHEME: 'unix', REDIS_HOST: at })],
    ['REDIS_URL', (at) => ({ REDIS_URL: `unix://:hush-hush@${at}?db=2`, REDIS_PASSWORD: 'x', ...FOREIGN })],
  ])(
    '3.13 with %s: two nodes exchange events over it, and the line of the start names it',
    async (_, names) => {
      const server = await expectExchange({ REDIS_PASSWORD: 'hush-hush', ...names(path) });
      expect(server.output()).toContain(`"scaling":"on: Redis at ${path}"`);
      expect(server.output()).not.toContain('hush');
    },
  );

  test('3.13 nodes reconnect to it', { timeout: 30_000 }, async () => {
    const server = await startNode({
      REVERB_SCALING_ENABLED: 'true',
      REDIS_HOST: path,
      REDIS_PASSWORD: 'hush-hush',
    });
    const { get } = publisher({ ...APP, ...server, prefix: '' });
    await redis.kill();
    await eventually(async () => (await get('/channels')).status === 503, 'Redis is unavailable', 10_000);
    await redis.restart();
    await eventually(async () => (await get('/channels')).status === 200, 'Redis is available again', 15_000);
  });

  test('3.13 that does not exist: the start fails with its path and the settings to check', async () => {
    expect(await refusal({ REDIS_HOST: `${path}.none` })).toBe(
      `wavehall: Redis cannot be reached at ${path}.none (ENOENT): check REDIS_URL, REDIS_HOST or REDIS_PATH, and whether this user may open that socket`,
    );
  });
});

describe('settings of other programs', () => {
  test('3.13 are ignored without scaling', async () => {
    const server = await startNode({
      ...FOREIGN,
      REDIS_HOST: 'unix:relative',
      REDIS_DB: 'main',
      REDIS_TLS: 'tcp://10.0.0.3:1',
      REDIS_SCHEME: 'http',
    });
    expect(server.output()).toContain('"scaling":"off: one node, no Redis"');
  });

  test('3.13 with scaling the start fails, with a message that names their likely source and what to do', async () => {
    expect(await refusal({ ...FOREIGN })).toMatch(
      /^wavehall: REDIS_PORT="tcp:\/\/10\.0\.0\.2:6379": expected a whole number .*Kubernetes.*REDIS_URL/,
    );
  });

  test('3.13 have no effect when REDIS_URL has a host and a port', async () => {
    const redis = await startRedis();
    onTestFinished(() => redis.close());
    await expectExchange({ ...FOREIGN, REDIS_HOST: 'user:hush@elsewhere', REDIS_URL: redis.url });
  });
});

describe('TLS', () => {
  let secured: TlsRedis;
  beforeAll(async () => {
    secured = await startTlsRedis();
  });
  afterAll(() => secured.close());

  const trusted = (): Record<string, string> => ({ WAVEHALL_REDIS_TLS_CA: secured.certificate });

  test('3.13 REDIS_TLS=true uses TLS, as REDIS_SCHEME=tls does', async () => {
    await expectExchange({ ...trusted(), REDIS_PORT: `${secured.tlsPort}`, REDIS_TLS: 'true' });
    // Fails because of the certificate, so the connection uses TLS.
    expect(await refusal({ REDIS_PORT: `${secured.tlsPort}`, REDIS_TLS: 'true' })).toMatch(/not trusted/);
    expect(await refusal({ REDIS_PORT: `${secured.tlsPort}`, REDIS_TLS: 'false' })).toMatch(/REDIS_SCHEME/);
  });

  test('3.13 a REDIS_URL without TLS overrides REDIS_TLS, as in Laravel, and it is logged', async () => {
    const server = await startNode({
      REVERB_SCALING_ENABLED: 'true',
      REDIS_TLS: 'true',
      REDIS_URL: secured.redis.url,
    });
    expect(server.output()).toMatch(/REDIS_TLS=true has no effect, because REDIS_URL decides.*rediss:/);
  });
});
