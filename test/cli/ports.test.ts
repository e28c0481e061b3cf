import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { METRICS_SOCKETS } from '../../src/config/listen.ts';
import { inState, optionsFor, Pusher } from '../clients/stock-clients.ts';
import { sdkFor } from '../clients/sdk.ts';
import { APP } from '../support/app.ts';
import { childrenOf } from '../support/processes.ts';
import { startRedis, type TestRedis } from '../support/redis.ts';
import { startServer } from '../support/server.ts';
import { eventually, Wire } from '../support/wire.ts';
import { publisher } from '../support/wire-http.ts';
import { Tcp, textFrame } from '../support/wire-tcp.ts';
import { makeCertificate } from '../transports/certificate.ts';
import { run, temporaryFolder } from './command.ts';
import { get, metric, startWithPorts, TOKEN } from './ports.ts';

const PATH = `/app/${APP.key}?protocol=7`;
const EVENT = { name: 'news', channel: 'room', data: '{}' };
const TIMEOUT_MS = 15_000;
vi.setConfig({ testTimeout: 4 * TIMEOUT_MS });

let redis: TestRedis;
let prefixes = 0;
beforeAll(async () => void (redis = await startRedis()));
afterAll(() => redis.close());

const overRedis = (port = redis.port): Record<string, string> => ({
  REVERB_SCALING_ENABLED: 'true',
  REDIS_HOST: '127.0.0.1',
  REDIS_PORT: `${port}`,
  WAVEHALL_REDIS_PREFIX: `ports-${process.pid}-${(prefixes += 1)}:`,
});

async function subscribed(to: { host: string; port: number }): Promise<Wire> {
  const wire = await Wire.open(to, PATH);
  onTestFinished(() => wire.drop());
  wire.send({ event: 'pusher:subscribe', data: { channel: EVENT.channel } });
  await wire.next('pusher_internal:subscription_succeeded', TIMEOUT_MS);
  return wire;
}

/** A port that another program has. */
async function takenPort(): Promise<string> {
  const other = createServer((socket) => socket.on('error', () => undefined)).listen(0, '127.0.0.1');
  await once(other, 'listening');
  onTestFinished(() => void other.close());
  return String((other.address() as AddressInfo).port);
}

describe('the metrics port', () => {
  test('8.13 serves metrics and health without any token, and nothing else', async () => {
    const { metrics, main } = await startWithPorts();
    const answer = await get(metrics, '/metrics');
    expect([answer.status, answer.headers['content-type']]).toEqual([
      200,
      expect.stringContaining('text/plain'),
    ]);
    expect(metric(answer.text, 'wavehall_ready')).toBe(1);
    for (const path of [
      '/up',
      '/ready',
      '/live',
      '/health',
      '/health/websocket',
      '/health/redis',
      '/health/detailed',
    ])
      expect([path, (await get(metrics, path)).status]).toEqual([path, 200]);
    for (const path of ['/', '/admin/metrics', `/apps/${APP.id}/channels`, `/app/${APP.key}`])
      expect([path, (await get(metrics, path)).status]).toEqual([path, 404]);
    await expect(Wire.open(metrics, PATH)).rejects.toThrow();
    expect((await get(main, '/metrics')).status).toBe(404);
    expect((await get(main, '/health/detailed')).status).toBe(404);
  });

  test.each(['soketi', 'sockudo'])(
    '8.13 serves names of %s beside its own, and its /usage',
    async (server) => {
      const { metrics, main, api } = await startWithPorts({ WAVEHALL_METRICS_COMPAT: server });
      const wire = await subscribed(main);
      await (await subscribed(main)).close();
      await publisher(api).post('/events', EVENT);
      await wire.next(EVENT.name, TIMEOUT_MS);
      const valueOf = async (name: string): Promise<number> => {
        const { text } = await get(metrics, '/metrics');
        return metric(text, `${server}_${name}\\{app_id="${APP.id}",port="\\d+"\\}`);
      };
      await eventually(async () => (await valueOf('new_disconnections_total')) === 1, 'one has left');
      const EXPECTED = { connected: 1, new_connections_total: 2, ws_messages_received_total: 2 };
      for (const [name, value] of Object.entries({ ...EXPECTED, http_calls_received_total: 1 }))
        expect([name, await valueOf(name)]).toEqual([name, value]);
      // Two greetings, two answers to subscribes, one event.
      expect(await valueOf('ws_messages_sent_total')).toBe(5);
      for (const direction of ['received', 'transmitted'])
        for (const of of ['socket', 'http'])
          expect(await valueOf(`${of}_${direction}_bytes`)).toBeGreaterThan(0);
      const { text } = await get(metrics, '/metrics');
      expect(metric(text, `${server}_process_start_time_seconds`)).toBeCloseTo(
        metric(text, 'process_start_time_seconds'),
        -1,
      );
      expect(metric(text, `${server}_process_resident_memory_bytes`)).toBeGreaterThan(10e6);
      expect(metric(text, 'wavehall_connections')).toBe(1);
      const { free, used, total, percent } = (
        (await get(metrics, '/usage')).json as { memory: Record<string, number> }
      ).memory;
      expect([free! + used!, (100 * used!) / total!]).toEqual([total, percent]);
    },
  );

  test('8.13 has no name of another server, and no /usage, unless it is asked for', async () => {
    const { metrics } = await startWithPorts();
    expect((await get(metrics, '/metrics')).text).not.toMatch(/^(?:soketi|sockudo)_/m);
    expect((await get(metrics, '/usage')).status).toBe(404);
  });

  test('8.13 has as many sockets as it may, and closes one more at once', async () => {
    const { metrics, main } = await startWithPorts();
    const open = async (): Promise<Socket> => {
      const socket = connect(metrics.port, metrics.host).on('error', () => undefined);
      onTestFinished(() => void socket.destroy());
      await once(socket, 'connect');
      return socket;
    };
    const all = await Promise.all(Array.from({ length: METRICS_SOCKETS }, open));
    const more = await open();
    await once(more, 'close');
    expect(all.filter(({ closed }) => closed)).toEqual([]);
    expect((await get(main, '/up')).status).toBe(200);
  });
});

describe('the detailed health', () => {
  test('8.11 needs the token on the main port, and counts connections and users', async () => {
    const { main, api } = await startWithPorts({ WAVEHALL_ADMIN_TOKEN: TOKEN });
    const path = '/health/detailed';
    for (const token of [undefined, 'wrong', `${TOKEN}x`]) {
      const refused = await get(main, path, token);
      expect([refused.status, refused.headers['www-authenticate']]).toEqual([401, 'Bearer']);
    }
    await subscribed(main);
    const sdk = sdkFor(api);
    const presence = await Wire.open(main, PATH);
    onTestFinished(() => presence.drop());
    const { socket_id: socketId } = JSON.parse(
      (await presence.next('pusher:connection_established')).data as string,
    ) as { socket_id: string };
    const auth = sdk.authorizeChannel(socketId, 'presence-room', { user_id: '7' });
    presence.send({ event: 'pusher:subscribe', data: { channel: 'presence-room', ...auth } });
    await presence.next('pusher_internal:subscription_succeeded', TIMEOUT_MS);
    const figures = { health: 'ok', connections: 2, users: 1, redis: { state: 'disabled' } };
    for (const port of [main, api]) {
      await eventually(
        async () => ((await get(port, path, TOKEN)).json as typeof figures).users === figures.users,
        'the figures, which may be half a second old',
        TIMEOUT_MS,
      );
      expect((await get(port, path, TOKEN)).json).toMatchObject(figures);
    }
    const { memory, uptimeSeconds, workers } = (await get(main, path, TOKEN)).json as Record<string, never>;
    expect(memory).toMatchObject({ rssBytes: expect.any(Number), heapLimitBytes: expect.any(Number) });
    expect([uptimeSeconds, workers]).toEqual([expect.any(Number), { wanted: 1, answering: 1 }]);
  });

  test('8.11 the self-check is no client: it is in no limit of clients', async () => {
    const { main } = await startWithPorts({
      REVERB_APP_MAX_CONNECTIONS: '1',
      WAVEHALL_ALLOWED_ORIGINS: 'example.com',
      WAVEHALL_REQUIRE_TLS: 'true',
    });
    expect((await get(main, '/health/websocket')).json).toEqual({ websocket: 'ok' });
  });

  test('8.11 a server without room for one more client accepts no WebSocket', async () => {
    const { main } = await startWithPorts({ WAVEHALL_MAX_CONNECTIONS: '1' });
    expect((await get(main, '/health/websocket')).status).toBe(200);
    await subscribed(main);
    await eventually(async () => (await get(main, '/health')).status === 503, 'health is down', TIMEOUT_MS);
    expect((await get(main, '/health/websocket')).json).toEqual({ websocket: 'down' });
  });
});

describe('the API port', () => {
  test('8.13 takes what the Node SDK publishes; pusher-js receives it from the main port', async () => {
    const { server, main, api } = await startWithPorts();
    const pusher = new Pusher(APP.key, optionsFor(main));
    onTestFinished(() => pusher.disconnect());
    await inState(pusher, 'connected');
    const channel = pusher.subscribe('room');
    await new Promise((resolve) => channel.bind('pusher:subscription_succeeded', resolve));
    const received = new Promise((resolve) => channel.bind('news', resolve));
    expect((await sdkFor(api).trigger('room', 'news', { id: 7 })).status).toBe(200);
    expect(await received).toEqual({ id: 7 });
    await expect(sdkFor(main).trigger('room', 'news', {})).rejects.toThrow();
    await eventually(() => server.output().includes('"http_not_found"'), 'the refusal');
    expect(server.output()).toMatch(
      /"expected":"WAVEHALL_API_PORT=0: the HTTP API and the admin API are there/,
    );
  });

  test('8.13 leaves only /app and health on the main port, with the path prefix too', async () => {
    const { main, api } = await startWithPorts({ REVERB_SERVER_PATH: 'ws', WAVEHALL_ADMIN_TOKEN: TOKEN });
    for (const prefix of ['', '/ws']) {
      const apps = await publisher({ ...main, prefix }).get('/channels');
      expect([apps.status, apps.text]).toEqual([404, 'Not found.']);
      expect((await publisher({ ...api, prefix }).get('/channels')).status).toBe(200);
      for (const path of ['/up', '/ready', '/live', '/health'])
        expect((await get(main, prefix + path)).status).toBe(200);
    }
    for (const path of ['/admin/metrics', '/admin/cutover'])
      expect((await get(main, path, TOKEN)).status).toBe(404);
    expect((await get(api, '/admin/metrics', TOKEN)).status).toBe(200);
    expect((await get(api, '/admin/metrics')).status).toBe(401);
    await expect(Wire.open(api, PATH)).rejects.toThrow();
    expect((await get(api, `/app/${APP.key}`)).status).toBe(404);
  });

  test('8.13 serves TLS with the certificate of the main port; the metrics port does not', async () => {
    const folder = temporaryFolder();
    const files = { cert: join(folder, 'a.crt'), key: join(folder, 'a.key') };
    makeCertificate(files, 'wavehall');
    const { server, metrics, main } = await startWithPorts({
      WAVEHALL_TLS_CERT: files.cert,
      WAVEHALL_TLS_KEY: files.key,
    });
    expect(server.output()).toMatch(/"httpApi":"https:.*"metrics":"http:/);
    expect((await get(metrics, '/health')).text).toBe('ok');
    await expect(get(main, '/up')).rejects.toThrow();
  });

  test('2.13 takes publishes until the drain has ended, and the main port refuses new clients', async () => {
    const { server, main, api } = await startWithPorts({ WAVEHALL_DRAIN_SECONDS: '600' });
    const sockets = await Promise.all(Array.from({ length: 300 }, () => Tcp.upgraded(main, PATH)));
    await Promise.all(sockets.map((socket) => socket.message()));
    for (const socket of sockets)
      socket.write(textFrame({ event: 'pusher:subscribe', data: { channel: EVENT.channel } }));
    await eventually(
      () => sockets.every(({ received }) => received.includes('subscription_succeeded')),
      'all are subscribed',
      TIMEOUT_MS,
    );
    server.kill();
    await eventually(() => sockets.some(({ received }) => received.includes('4200')), 'the drain has begun');
    const refused = await Wire.open(main, PATH);
    expect((await refused.closing()).code).toBe(4100);
    expect((await publisher(api).post('/events', EVENT)).status).toBe(200);
    expect((await get(api, '/health')).status).toBe(503);
    await eventually(
      () => sockets.some(({ received }) => received.includes('news')),
      'the event',
      TIMEOUT_MS,
    );
    server.kill();
    expect(await server.exited).toBe(0);
    for (const socket of sockets) socket.destroy();
  });
});

describe('Redis', () => {
  test('8.11 away is 503 within a second at /health/redis, and 200 when it is back', async () => {
    const own = await startRedis();
    onTestFinished(() => own.close());
    const { main } = await startWithPorts(overRedis(own.port));
    const before = await get(main, '/health/redis');
    expect([before.status, before.json]).toEqual([200, { redis: 'ok', roundTripMs: expect.any(Number) }]);
    await own.kill();
    const killedAtMs = performance.now();
    await eventually(async () => (await get(main, '/health/redis')).status === 503, 'redis is down');
    expect(performance.now() - killedAtMs).toBeLessThan(1000);
    expect((await get(main, '/health/redis')).json).toEqual({ redis: 'down' });
    expect((await get(main, '/health')).text).toBe('down');
    await own.restart();
    await eventually(async () => (await get(main, '/health')).status === 200, 'health is back', TIMEOUT_MS);
  });

  test('8.11 that is frozen is answered with 503, not with silence', async () => {
    const own = await startRedis();
    onTestFinished(() => own.close());
    const { main } = await startWithPorts(overRedis(own.port));
    own.pause();
    await eventually(
      async () => (await get(main, '/health/redis')).status === 503,
      'redis is down',
      TIMEOUT_MS,
    );
    own.resume();
    await eventually(
      async () => (await get(main, '/health/redis')).status === 200,
      'redis is back',
      TIMEOUT_MS,
    );
  });
});

describe('workers', () => {
  test('8.13 share each port, and each answer is for all of them', async () => {
    const { server, main, api, metrics } = await startWithPorts(
      { ...overRedis(), WAVEHALL_ADMIN_TOKEN: TOKEN },
      ['--workers', '2'],
    );
    const wires = [await subscribed(main), await subscribed(main)];
    for (const port of [api, api]) expect((await publisher(port).post('/events', EVENT)).status).toBe(200);
    for (const wire of wires) await wire.next('news', TIMEOUT_MS);
    await eventually(
      async () => metric((await get(metrics, '/metrics')).text, 'wavehall_connections') === 2,
      'the metrics of both',
      TIMEOUT_MS,
    );
    expect(metric((await get(metrics, '/metrics')).text, 'wavehall_workers')).toBe(2);
    for (const port of [main, api, metrics])
      expect([(await get(port, '/health')).text, (await get(port, '/health/websocket')).status]).toEqual([
        'ok',
        200,
      ]);
    const detailed = (await get(main, '/health/detailed', TOKEN)).json;
    expect(detailed).toMatchObject({
      connections: 2,
      workers: { wanted: 2, answering: 2 },
      redis: { state: 'ok' },
    });
    process.kill(childrenOf(server.pid)[0] ?? 0, 'SIGSTOP');
    await eventually(
      async () => (await get(metrics, '/health').catch(() => undefined))?.status === 503,
      'a stopped worker',
      TIMEOUT_MS,
    );
    process.kill(childrenOf(server.pid)[0] ?? 0, 'SIGCONT');
    await eventually(async () => (await get(metrics, '/health')).status === 200, 'it is back', TIMEOUT_MS);
  });
});

describe('the start', () => {
  test.each(['WAVEHALL_METRICS_PORT', 'WAVEHALL_API_PORT'])(
    '8.13 fails for a %s that is in use, with exit code 1 and its name, with workers too',
    async (name) => {
      const port = await takenPort();
      const refused = {
        code: 1,
        stdout: '',
        stderr: `wavehall: ${name}: listen EADDRINUSE: address already in use 127.0.0.1:${port}. Another program uses this port: stop it, or choose another port\n`,
      };
      expect(await run(['start'], { [name]: port })).toEqual(refused);
      expect(await run(['start', '--workers', '2'], { ...overRedis(), [name]: port })).toEqual(refused);
    },
  );

  test('8.13 fails for equal ports, with exit code 1 and both names', async () => {
    const { code, stderr } = await run(['start', '--port', '18080'], { WAVEHALL_API_PORT: '18080' });
    expect([code, stderr]).toEqual([
      1,
      'wavehall: WAVEHALL_API_PORT="18080": expected another port than REVERB_SERVER_PORT, which has this one\n',
    ]);
  });

  test('8.13 without these ports is as before: one port for all, no metrics', async () => {
    const server = await startServer();
    onTestFinished(() => server.close());
    expect(server.output()).not.toContain('"metrics"');
    const one = { ...APP, host: '127.0.0.1', port: server.port, prefix: '' };
    expect((await publisher(one).get('/channels')).status).toBe(200);
    expect((await get(one, '/metrics')).status).toBe(404);
    expect((await get(one, '/health')).text).toBe('ok');
  });
});
