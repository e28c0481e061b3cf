/** Publishes to a server that stops, on connections of their own and on kept ones. */
import { Agent } from 'node:http';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { APP, APP_VARIABLES, appAt } from '../../support/app.ts';
import { childrenOf } from '../../support/processes.ts';
import { startRedis } from '../../support/redis.ts';
import { startServer, type TestServer } from '../../support/server.ts';
import { publishSteadily } from '../../support/steady-publisher.ts';
import { eventually, Wire } from '../../support/wire.ts';
import { http, publisher } from '../../support/wire-http.ts';
import { Tcp } from '../../support/wire-tcp.ts';

vi.setConfig({ testTimeout: 120_000 });

const PATH = `/app/${APP.key}?protocol=7`;
const SOCKETS = 300;
const LONG_MS = 30_000;

async function start(env: Record<string, string>, args: readonly string[] = []): Promise<TestServer> {
  const server = await startServer({ ...APP_VARIABLES, ...env }, args);
  onTestFinished(() => server.close());
  return server;
}

async function openSockets(server: TestServer, count: number): Promise<Tcp[]> {
  const sockets: Tcp[] = [];
  onTestFinished(() => sockets.forEach((socket) => socket.destroy()));
  while (sockets.length < count)
    sockets.push(...(await Promise.all(Array.from({ length: 50 }, () => Tcp.upgraded(server, PATH)))));
  await Promise.all(sockets.map((socket) => socket.message()));
  return sockets;
}

const isClosed = ({ received }: Tcp): boolean => received.includes('4200');
const ready = async (server: TestServer): Promise<number> =>
  (await http(server, { method: 'GET', path: '/ready' })).status;

/** Publishers on new connections and on kept ones. */
function publishersOf(server: TestServer) {
  const agent = new Agent({ keepAlive: true, maxSockets: 2 });
  onTestFinished(() => agent.destroy());
  const all = [publishSteadily(server), publishSteadily(server, { agent })];
  return {
    closing: () => all.every(({ closing }) => closing > 0),
    answered: () => Math.min(...all.map(({ answered }) => answered)),
    stop: async () => (await Promise.all(all.map((each) => each.stop()))).flat(),
  };
}

/** Stops a server under load, and expects that each publish succeeds until its last socket is closed. */
async function expectAllPublished(server: TestServer): Promise<void> {
  const sockets = await openSockets(server, SOCKETS);
  const publishers = publishersOf(server);
  await eventually(() => publishers.answered() >= 10, 'publishes', LONG_MS);
  server.kill();
  await eventually(() => sockets.every(isClosed), 'all sockets are closed', LONG_MS);
  const outcomes = await publishers.stop();
  expect(outcomes.filter((outcome) => outcome !== '200')).toEqual([]);
  expect(publishers.closing()).toBe(true);
  expect(await server.exited).toBe(0);
  console.log(`${outcomes.length} publishes, all with 200, until the last of ${SOCKETS} sockets was closed`);
}

describe('publishes', () => {
  test('2.13 succeed until the last socket is closed, and their answers ask to close the connection', async () => {
    await expectAllPublished(await start({ WAVEHALL_DRAIN_DELAY_SECONDS: '1' }));
  });

  test('2.13 succeed until the last socket of the last worker is closed', async () => {
    const redis = await startRedis();
    onTestFinished(() => redis.close());
    const env = { REVERB_SCALING_ENABLED: 'true', REDIS_PORT: `${redis.port}` };
    const server = await start({ ...env, WAVEHALL_DRAIN_DELAY_SECONDS: '1' }, ['--workers=3']);
    expect(childrenOf(server.pid)).toHaveLength(3);
    await expectAllPublished(server);
    expect(server.output()).toMatch(
      /"workers":3,"seconds":[\d.]+,"exitCode":0,"msg":"The server has stopped: all workers have ended"/,
    );
  });
});

describe('the delay', () => {
  test('2.13 begins with 503 at /ready and /up, and admits clients and serves them until it has passed', async () => {
    const server = await start({ WAVEHALL_DRAIN_DELAY_SECONDS: '3' });
    const early = await Wire.open(server, PATH);
    await early.next('pusher:connection_established');
    server.kill();
    await eventually(async () => (await ready(server)) === 503, 'it is not ready');
    const up = await http(server, { method: 'GET', path: '/up' });
    expect([up.status, up.json]).toEqual([503, { health: 'DRAINING' }]);
    const late = await Wire.open(server, PATH);
    await late.next('pusher:connection_established');
    late.send({ event: 'pusher:subscribe', data: { channel: 'news' } });
    await late.next('pusher_internal:subscription_succeeded');
    const sent = await publisher(appAt(server)).post('/events', { name: 'a', channel: 'news', data: '{}' });
    expect([sent.status, sent.headers.connection]).toEqual([200, 'close']);
    await late.next('a');
    expect([early.ended, late.ended]).toEqual([undefined, undefined]);
    for (const wire of [early, late]) expect((await wire.closing(LONG_MS)).code).toBe(4200);
    expect(await server.exited).toBe(0);
    expect(server.output()).toMatch(/"delaySeconds":3,"sockets":1/);
    expect(server.output()).toMatch(/"sockets":2,"seconds":[\d.]+,"slowedSeconds":0,"hurried":"no"/);
  });

  test('2.13 is ended by a second signal, as is the rest', async () => {
    const server = await start({ WAVEHALL_DRAIN_DELAY_SECONDS: '86400', WAVEHALL_DRAIN_SECONDS: '86400' });
    const sockets = await openSockets(server, SOCKETS);
    server.kill();
    await eventually(async () => (await ready(server)) === 503, 'it is not ready');
    expect(sockets.some(isClosed)).toBe(false);
    server.kill();
    await eventually(() => sockets.every(isClosed), 'all sockets are closed', LONG_MS);
    expect(await server.exited).toBe(0);
    expect(server.output()).toMatch(/"sockets":300,.*"hurried":"by a second signal"/);
  });
});

describe('metrics', () => {
  test('2.13 say that the server drains, and how many sockets are left', async () => {
    const token = 'a-token-for-tests-of-the-drain';
    const server = await start({ WAVEHALL_DRAIN_DELAY_SECONDS: '600', WAVEHALL_ADMIN_TOKEN: token });
    const figures = async (): Promise<number[]> => {
      const headers = { authorization: `Bearer ${token}` };
      const { text } = await http(server, { method: 'GET', path: '/admin/metrics', headers });
      const names = ['wavehall_draining', 'wavehall_drain_sockets_left'];
      return names.map((name) => Number(new RegExp(`^${name} (\\d+)$`, 'm').exec(text)?.[1]));
    };
    await openSockets(server, SOCKETS);
    expect(await figures()).toEqual([0, 0]);
    server.kill();
    await eventually(async () => (await ready(server)) === 503, 'it is not ready');
    expect(await figures()).toEqual([1, SOCKETS]);
    server.kill();
    expect(await server.exited).toBe(0);
  });
});

describe('new clients', () => {
  test('2.13 get 503 while connections are closed, when that is set', async () => {
    const server = await start({ WAVEHALL_DRAIN_SECONDS: '600', WAVEHALL_DRAIN_REFUSAL: '503' });
    const sockets = await openSockets(server, SOCKETS);
    server.kill();
    await eventually(() => sockets.some(isClosed), 'the drain has begun');
    await expect(Wire.open(server, PATH)).rejects.toThrow(/503/);
    server.kill();
    expect(await server.exited).toBe(0);
  });
});
