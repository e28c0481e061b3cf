/** nginx, Caddy, Apache and HAProxy with the files of examples/deploy: a browser, publishes, closed paths, and a long silence. */
import { createServer, type IncomingHttpHeaders, request } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo, Socket } from 'node:net';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { sleep } from '../../../src/core/util/time.ts';
import { startApplication, type Application } from '../../clients/application.ts';
import { APP, APP_VARIABLES, appAt } from '../../support/app.ts';
import { launchChromium, withChromium } from '../../support/browser.ts';
import { withPrograms } from '../../support/programs.ts';
import { startServer, type TestServer } from '../../support/server.ts';
import { type Address, Wire } from '../../support/wire.ts';
import { publisher } from '../../support/wire-http.ts';
import { deployFile } from './files.ts';
import { PROXIES, type ProxyName, type RunningProxy, startProxy } from './proxies.ts';

const SILENCE_MS = 100_000;
const TOKEN = 'token-of-the-test';
const PROGRAMS = ['nginx', 'caddy', 'apache2', 'haproxy'];

let server: TestServer;
let application: Application;
let proxies: Readonly<Record<ProxyName, RunningProxy>>;

const startAll = async (upstream: number) =>
  Object.fromEntries(
    await Promise.all(PROXIES.map(async (name) => [name, await startProxy(name, upstream)] as const)),
  ) as Record<ProxyName, RunningProxy>;
const closeAll = (all: Readonly<Record<string, RunningProxy>> = {}) =>
  Promise.all(Object.values(all).map((proxy) => proxy.close()));

/** Sends a path as it is, and returns the status. */
async function statusOf(address: Address, path: string, headers: Record<string, string> = {}) {
  const { host, port } = address;
  const sent = request({ host, port, path, headers, agent: false }).end();
  const [answer] = (await once(sent, 'response')) as [{ statusCode: number; resume(): void }];
  answer.resume();
  return answer.statusCode;
}

async function subscribe(address: Address): Promise<Wire> {
  const wire = await Wire.open(address, `/app/${APP.key}?protocol=7`);
  await wire.next('pusher:connection_established');
  wire.send({ event: 'pusher:subscribe', data: { channel: 'silence' } });
  await wire.next('pusher_internal:subscription_succeeded');
  return wire;
}

const isRefused = (status: unknown): boolean => Number(status) >= 400;

const trafficOf = ({ socket }: Wire): readonly number[] => {
  const { bytesRead, bytesWritten } = (socket as unknown as { _socket: Socket })._socket;
  return [bytesRead, bytesWritten];
};

withPrograms('proxies', PROGRAMS, () => {
  beforeAll(async () => {
    server = await startServer({
      ...APP_VARIABLES,
      // Neither side pings during the silence.
      REVERB_APP_PING_INTERVAL: '600',
      REVERB_APP_ACTIVITY_TIMEOUT: '600',
      WAVEHALL_TRUSTED_PROXIES: '127.0.0.1',
      WAVEHALL_ADMIN_TOKEN: TOKEN,
      WAVEHALL_DRAIN_SECONDS: '1',
    });
    application = await startApplication(server);
    proxies = await startAll(server.port);
  });
  afterAll(async () => {
    await closeAll(proxies);
    await application.close();
    await server.close();
  });

  test.each(PROXIES)('8.1 %s forwards publishes, and nothing but /app, /pusher and /apps', async (name) => {
    const proxy = proxies[name];
    const wire = await subscribe(proxy);
    const answer = await publisher(appAt(proxy)).post('/events', {
      name: 'paid',
      channel: 'silence',
      data: 'x'.repeat(9000),
    });
    expect(answer.status).toBe(200);
    await wire.next('paid');
    await wire.close();
    const authorization = { Authorization: `Bearer ${TOKEN}` };
    const admin = '/admin/metrics';
    expect(await statusOf(server, admin, authorization)).toBe(200);
    const behindPusher = [`/pusher${admin}`, `/pusher/..${admin}`, `/pusher/%2e%2e${admin}`];
    const around = [
      ...behindPusher,
      admin,
      `/app/..${admin}`,
      `/apps/%2e%2e${admin}`,
      `/app/%2e%2e/${admin}`,
      `/${admin}`,
    ];
    for (const path of [...around, '/ADMIN/metrics', '/metrics', '/health/detailed', '/ready'])
      expect([path, await statusOf(proxy, path, authorization)]).toEqual([path, expect.toSatisfy(isRefused)]);
  });

  test.each(PROXIES)('2.6 %s says who the client is, whatever the client claims', async (name) => {
    const seen: IncomingHttpHeaders[] = [];
    const recorder = createServer((asked, answer) => {
      if (asked.url?.startsWith('/apps/') === true) seen.push(asked.headers);
      answer.end('{}');
    }).listen(0, '127.0.0.1');
    await once(recorder, 'listening');
    const proxy = await startProxy(name, (recorder.address() as AddressInfo).port);
    try {
      const claims = { 'X-Forwarded-For': '203.0.113.9', 'X-Forwarded-Proto': 'https' };
      expect(await statusOf(proxy, '/apps/app-id/channels', claims)).toBe(200);
      expect(seen.map((headers) => [headers['x-forwarded-for'], headers['x-forwarded-proto']])).toEqual([
        ['127.0.0.1', 'http'],
      ]);
      expect(seen[0]?.host).toBe(`127.0.0.1:${proxy.port}`);
    } finally {
      await proxy.close();
      recorder.closeAllConnections();
      recorder.close();
    }
  });

  test.each(
    PROXIES.flatMap((name) => [
      [name, 'xhr_streaming' as const],
      [name, 'xhr_polling' as const],
    ]),
  )('10.4 %s passes each line of %s on at once', async (name, transport) => {
    const proxy = { ...proxies[name], transport };
    const wire = await Wire.open(proxy, `/pusher/app/${APP.key}?protocol=7`);
    await wire.next('pusher:connection_established');
    wire.send({ event: 'pusher:subscribe', data: { channel: 'lines' } });
    await wire.next('pusher_internal:subscription_succeeded');
    for (let sent = 0; sent < 5; sent += 1) {
      await publisher(appAt(server)).post('/events', { name: `e${sent}`, channel: 'lines', data: 'x' });
      await wire.next(`e${sent}`);
    }
    expect(wire.pings).toEqual([]);
    await wire.close();
  });

  withChromium('a browser', () => {
    let browser: Browser;
    beforeAll(async () => void (browser = await launchChromium()));
    afterAll(() => browser.close());

    test.each(PROXIES)(
      '3.1 pusher-js subscribes through %s and receives what is published through it',
      async (name) => {
        const page = await browser.newPage();
        await page.goto(application.url);
        const channel = `private-${name}`;
        const { port } = proxies[name];
        await page.evaluate(
          ([key, wsPort, subscribed]) =>
            new Promise<void>((resolve, reject) => {
              const globals = globalThis as unknown as {
                Pusher: new (
                  key: string,
                  options: object,
                ) => {
                  subscribe(name: string): { bind(event: string, handler: (data: unknown) => void): void };
                };
                received: unknown[];
              };
              const pusher = new globals.Pusher(key, {
                wsHost: '127.0.0.1',
                wsPort,
                forceTLS: false,
                enabledTransports: ['ws'],
                cluster: '',
                channelAuthorization: {
                  endpoint: '/broadcasting/auth',
                  transport: 'ajax',
                  headers: { Authorization: 'Bearer 1' },
                },
              });
              globals.received = [];
              const joined = pusher.subscribe(subscribed);
              joined.bind('paid', (data) => globals.received.push(data));
              joined.bind('pusher:subscription_succeeded', () => resolve());
              joined.bind('pusher:subscription_error', (error) => reject(new Error(JSON.stringify(error))));
            }),
          [APP.key, port, channel] as const,
        );
        const body = { name: 'paid', channel, data: JSON.stringify({ through: name }) };
        expect((await publisher(appAt(proxies[name])).post('/events', body)).status).toBe(200);
        await page.waitForFunction(
          () => (globalThis as unknown as { received: unknown[] }).received.length > 0,
        );
        const received = await page.evaluate(
          () => (globalThis as unknown as { received: unknown[] }).received,
        );
        expect(received).toEqual([{ through: name }]);
        await page.close();
      },
    );
  });

  test(
    '2.10 all of them keep a connection on which nothing is sent for 100 s, and pass the close code on',
    async () => {
      const wires = await Promise.all(PROXIES.map((name) => subscribe(proxies[name])));
      const before = wires.map(trafficOf);
      await sleep(SILENCE_MS);
      expect(wires.map(trafficOf)).toEqual(before);
      expect(wires.map(({ ended }) => ended)).toEqual(PROXIES.map(() => undefined));
      await publisher(appAt(server)).post('/events', { name: 'after', channel: 'silence', data: '{}' });
      await Promise.all(wires.map((wire) => wire.next('after')));
      server.kill('SIGTERM');
      const closings = await Promise.all(wires.map((wire) => wire.closing(10_000)));
      expect(closings.map(({ code }) => code)).toEqual(PROXIES.map(() => 4200));
    },
    SILENCE_MS + 30_000,
  );
});

describe('time-outs', () => {
  const PING_INTERVAL_SECONDS = 60;
  test.each([
    ['nginx/wavehall.conf', /proxy_(?:read|send)_timeout (\d+)s/g],
    ['apache/wavehall.conf', /(?:ProxyTimeout |timeout=)(\d+)/g],
    ['haproxy/haproxy.cfg', /timeout (?:client|server|tunnel) (\d+)s/g],
  ])('2.10 %s waits for longer than the ping interval', (file, pattern) => {
    const seconds = [...deployFile(file).matchAll(pattern)].map(([, value]) => Number(value));
    expect(seconds.length).toBeGreaterThan(1);
    expect(Math.min(...seconds)).toBeGreaterThan(PING_INTERVAL_SECONDS);
  });

  test('2.10 Caddy has no time-out for a silent connection', () => {
    expect(deployFile('caddy/Caddyfile')).not.toMatch(/^\s*(read|write|idle)_timeout/m);
  });
});
