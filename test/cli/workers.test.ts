import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { metric } from './ports.ts';
import { APP, APP_VARIABLES } from '../support/app.ts';
import { readConfig, SERVER_SETTINGS } from '../../src/config/index.ts';
import { MAX_WORKERS } from '../../src/config/server.ts';
import type { CutoverStatus } from '../../src/cutover/status/status-report.ts';
import { startStandIn } from '../support/reverb-stand-in.ts';
import { childrenOf, isRunning } from '../support/processes.ts';
import { freePort } from '../support/free-port.ts';
import { startRedis, type TestRedis } from '../support/redis.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { channelAuth, type Endpoint, http, publisher, signedPath } from '../support/wire-http.ts';
import { dataOf, eventually, Wire } from '../support/wire.ts';
import { makeCertificate, subjectShown } from '../transports/certificate.ts';
import { run, temporaryFolder } from './command.ts';

const PATH = `/app/${APP.key}?protocol=7`;
const TOKEN = 'a-token-for-tests';
const CLOSING = { event: 'pusher:error', data: { code: 4200, message: expect.any(String) as string } };
const WORKERS = 3;
const TIMEOUT_MS = 15_000;
vi.setConfig({ testTimeout: 4 * TIMEOUT_MS });

let redis: TestRedis;
let prefixes = 0;
beforeAll(async () => void (redis = await startRedis()));
afterAll(() => redis.close());

/** Settings with an own Redis prefix for each test. */
const settings = (env: Record<string, string> = {}): Record<string, string> => ({
  ...APP_VARIABLES,
  REVERB_SCALING_ENABLED: 'true',
  REDIS_HOST: '127.0.0.1',
  REDIS_PORT: `${redis.port}`,
  WAVEHALL_REDIS_PREFIX: `workers-${process.pid}-${(prefixes += 1)}:`,
  WAVEHALL_LEASE_SECONDS: '2',
  WAVEHALL_DRAIN_SECONDS: '0',
  WAVEHALL_ADMIN_TOKEN: TOKEN,
  ...env,
});

async function startWorkers(
  env: Record<string, string> = {},
  args: readonly string[] = ['--workers', `${WORKERS}`],
): Promise<TestServer> {
  const server = await startServer(settings(env), args);
  const workers = childrenOf(server.pid);
  onTestFinished(async () => {
    await server.close();
    await eventually(() => !workers.some(isRunning), 'no worker is left', TIMEOUT_MS);
  });
  return server;
}

const endpoint = ({ port }: TestServer): Endpoint => ({ ...APP, host: '127.0.0.1', port, prefix: '' });

async function open(server: TestServer): Promise<Wire> {
  const wire = await Wire.open(server, PATH);
  wire.socketId = (
    dataOf(await wire.next('pusher:connection_established', TIMEOUT_MS)) as { socket_id: string }
  ).socket_id;
  return wire;
}

/** Opens clients one after another: workers accept them in turn, so that each worker has some. */
async function openMany(server: TestServer, count = 2 * WORKERS): Promise<Wire[]> {
  const wires: Wire[] = [];
  for (let each = 0; each < count; each += 1) wires.push(await open(server));
  onTestFinished(() => wires.forEach((wire) => wire.drop()));
  return wires;
}

async function subscribe(wire: Wire, channel: string, user?: string) {
  const channelData = user === undefined ? undefined : JSON.stringify({ user_id: user });
  const auth = /^(private|presence)-/.test(channel) && channelAuth(APP, wire.socketId, channel, channelData);
  wire.send({
    event: 'pusher:subscribe',
    data: { channel, ...(auth && { auth }), ...(channelData && { channel_data: channelData }) },
  });
  return dataOf(await wire.next('pusher_internal:subscription_succeeded', TIMEOUT_MS));
}

const metricsOf = async (server: TestServer): Promise<string> => {
  const headers = { authorization: `Bearer ${TOKEN}` };
  return (await http(endpoint(server), { method: 'GET', path: '/admin/metrics', headers })).text;
};

test.each(['xhr_streaming', 'xhr_polling'] as const)(
  '10.9 requests of one session over %s may reach any worker',
  async (transport) => {
    const server = await startWorkers();
    const place = { ...endpoint(server), transport };
    const wires = await Promise.all(Array.from({ length: 6 }, () => Wire.open(place, PATH)));
    for (const wire of wires) {
      await wire.next('pusher:connection_established');
      wire.send({ event: 'pusher:subscribe', data: { channel: 'orders' } });
    }
    for (const wire of wires) await wire.next('pusher_internal:subscription_succeeded');
    const api = publisher(endpoint(server));
    for (let sent = 0; sent < 20; sent += 1)
      expect((await api.post('/events', { name: `e${sent}`, channel: 'orders', data: '' })).status).toBe(200);
    for (const wire of wires) {
      for (let sent = 0; sent < 20; sent += 1) await wire.next(`e${sent}`);
      wire.drop();
    }
  },
);

describe('the number of workers', () => {
  const { name } = SERVER_SETTINGS.workers;
  const read = (variables: Record<string, string>) =>
    readConfig({ REVERB_SCALING_ENABLED: 'true', ...variables }).workers;

  test('2.1 is 1 by default, and has a maximum', () => {
    expect(readConfig({}).workers).toBe(1);
    expect([read({ [name]: '1' }), read({ [name]: `${MAX_WORKERS}` })]).toEqual([1, MAX_WORKERS]);
    expect(readConfig({ [name]: '1' }).workers).toBe(1);
  });

  test.each(['0', `${MAX_WORKERS + 1}`, '-1', '1.5', 'many', 'auto'])(
    '2.1 %j is refused with the name of the setting',
    async (bad) => {
      expect(await run(['start', `--workers=${bad}`], settings())).toEqual({
        code: 1,
        stdout: '',
        stderr: `wavehall: ${name}="${bad}": expected a whole number from 1 to ${MAX_WORKERS}\n`,
      });
    },
  );

  test('3.13 above 1 needs Redis: the error names the missing settings and the reason', async () => {
    const refusal = {
      code: 1,
      stdout: '',
      stderr:
        'wavehall: WAVEHALL_WORKERS="2": expected REVERB_SCALING_ENABLED=true and Redis (REDIS_URL, or REDIS_HOST and ' +
        'REDIS_PORT), because workers are connected over Redis\n',
    };
    expect(await run(['start', '--workers', '2'])).toEqual(refusal);
    expect(await run(['start'], { [name]: '2' })).toEqual(refusal);
  });

  test('2.1 of 1 runs one process, without node:cluster', async () => {
    const server = await startServer({}, ['--workers', '1']);
    onTestFinished(() => server.close());
    expect(childrenOf(server.pid)).toEqual([]);
    expect(server.output()).toContain('"workers":1,');
  });
});

describe('the start', () => {
  test('2.1 is printed once, with one port for all workers', async () => {
    const server = await startWorkers({ WAVEHALL_WORKERS: `${WORKERS}` }, []);
    expect(childrenOf(server.pid)).toHaveLength(WORKERS);
    const output = server.output();
    expect(output.match(/"webSocket"/g)).toHaveLength(1);
    expect(output).toContain(`"workers":${WORKERS},`);
  });

  test('2.1 fails with exit code 1 for a port that is in use, with the one message of a single process', async () => {
    const other = createServer((socket) => socket.on('error', () => undefined)).listen(0, '127.0.0.1');
    await once(other, 'listening');
    onTestFinished(() => void other.close());
    const port = `${(other.address() as AddressInfo).port}`;
    // Each with a prefix of its own: a start that fails leaves leases, which the next node would report.
    const startOn = (...args: string[]) => run(['start', ...args], settings({ REVERB_SERVER_PORT: port }));
    const [several, single] = [await startOn('--workers', '3'), await startOn()];
    expect(several).toEqual(single);
    expect(single).toMatchObject({ code: 1, stdout: '' });
    expect(single.stderr).toMatch(
      /^wavehall: listen EADDRINUSE: address already in use 127\.0\.0\.1:\d+\. Is it Laravel Reverb .*\n$/,
    );
  });

  test('8.11 fails with exit code 1 and one message when Redis cannot be reached or refuses', async () => {
    const env = settings({ REDIS_PORT: `${await freePort()}` });
    const several = await run(['start', '--workers', '3'], env);
    expect(several).toEqual(await run(['start'], env));
    expect(several.stderr).toMatch(/^wavehall: Redis cannot be reached at .*\n$/);
  });

  test('2.1 fails with exit code 1 and one message when a certificate cannot be read', async () => {
    const env = settings({ WAVEHALL_TLS_CERT: '/nowhere.crt' });
    const several = await run(['start', '--workers', '2'], env);
    expect(several).toEqual(await run(['start'], env));
    expect([several.code, several.stderr]).toEqual([
      1,
      expect.stringMatching(/^wavehall: .*nowhere\.crt.*\n$/),
    ]);
  });

  test("2.1 fails inside another program's node:cluster, and names the setting", async () => {
    const script =
      'const cluster = require("node:cluster"); const [exec, ...args] = process.argv.slice(1);' +
      'cluster.setupPrimary({ exec, args, execArgv: [] }); cluster.fork().on("exit", (code) => process.exit(code));';
    const { code, stderr } = await run(['start', '--workers', '2'], settings(), ['-e', script]);
    expect([code, stderr]).toEqual([
      1,
      'wavehall: WAVEHALL_WORKERS: expected 1, because this process is already one of several (started with node:cluster, or by PM2 in cluster mode)\n',
    ]);
  });
});

describe('SIGHUP', () => {
  test('2.1 makes every worker serve the new certificate', async () => {
    const folder = temporaryFolder();
    const files = { cert: join(folder, 'a.crt'), key: join(folder, 'a.key') };
    makeCertificate(files, 'first');
    const server = await startWorkers({ WAVEHALL_TLS_CERT: files.cert, WAVEHALL_TLS_KEY: files.key });
    // Workers accept in turn: so many connections in a row reach all of them.
    const subjects = () => Promise.all(Array.from({ length: WORKERS }, () => subjectShown(server.port)));
    expect(await subjects()).toEqual(Array.from({ length: WORKERS }, () => 'first'));
    makeCertificate(files, 'second');
    server.kill('SIGHUP');
    await eventually(
      async () => (await subjects()).every((name) => name === 'second'),
      'all workers have the new certificate',
      TIMEOUT_MS,
    );
  });
});

describe('clients on different workers', () => {
  test("3.13 receive published events and each other's client events", async () => {
    const server = await startWorkers();
    const wires = await openMany(server);
    for (const wire of wires) await subscribe(wire, 'private-room');
    const [first] = wires as [Wire];
    first.send({ event: 'client-hello', channel: 'private-room', data: { from: 'first' } });
    for (const wire of wires.slice(1)) await wire.next('client-hello', TIMEOUT_MS);
    const app = publisher(endpoint(server));
    const answer = await app.post('/events', { name: 'news', channel: 'private-room', data: '{}' });
    expect(answer.status).toBe(200);
    for (const wire of wires) await wire.next('news', TIMEOUT_MS);
    for (const wire of wires)
      expect((await wire.settle()).filter(({ event }) => event === 'news')).toEqual([]);
  });

  test('4.3 receive one roster and its changes; the API lists all members, whichever worker answers', async () => {
    const server = await startWorkers();
    const wires = await openMany(server);
    for (const [at, wire] of wires.entries()) {
      const { presence } = (await subscribe(wire, 'presence-room', `user-${at}`)) as {
        presence: { count: number };
      };
      expect(presence.count).toBe(at + 1);
    }
    const app = publisher(endpoint(server));
    for (let each = 0; each < 2 * WORKERS; each += 1) {
      const users = await app.get('/channels/presence-room/users');
      expect((users.json as { users: unknown[] }).users).toHaveLength(wires.length);
      expect((await app.get('/connections')).json).toEqual({ connections: wires.length });
      for (const path of ['/up', '/ready', '/live'])
        expect((await http(endpoint(server), { method: 'GET', path })).status).toBe(200);
    }
    const [leaving, ...remaining] = wires as [Wire, ...Wire[]];
    await leaving.close();
    for (const wire of remaining) {
      const removed = await wire.next('pusher_internal:member_removed', TIMEOUT_MS);
      expect(dataOf(removed)).toMatchObject({ user_id: 'user-0' });
    }
  });

  test('8.2 cannot use a signature twice with strict replay protection, whichever worker answers', async () => {
    const server = await startWorkers({ WAVEHALL_REPLAY_PROTECTION: 'strict' });
    const path = signedPath(endpoint(server), 'GET', `/apps/${APP.id}/channels`);
    const statuses: number[] = [];
    for (let each = 0; each < 2 * WORKERS; each += 1)
      statuses.push((await http(server, { method: 'GET', path })).status);
    expect(statuses).toEqual([200, ...Array.from({ length: 2 * WORKERS - 1 }, () => 401)]);
  });

  test('8.11 receive 503 from /up and /ready while one worker hangs, whichever answers', async () => {
    const server = await startWorkers();
    // The hanging worker accepts connections too, and never answers.
    const get = (path: string): Promise<number | undefined> =>
      http(server, { method: 'GET', path, limitMs: 2000 }).then(
        ({ status }) => status,
        () => undefined,
      );
    const statuses = (): Promise<(number | undefined)[]> =>
      Promise.all(['/up', '/ready', '/up', '/ready', '/up', '/ready'].map(get));
    expect(await statuses()).toEqual(Array.from({ length: 6 }, () => 200));
    const [hanging = 0] = childrenOf(server.pid);
    process.kill(hanging, 'SIGSTOP');
    onTestFinished(() => {
      if (isRunning(hanging)) process.kill(hanging, 'SIGCONT');
    });
    await eventually(
      async () => {
        const answered = (await statuses()).filter((status) => status !== undefined);
        return answered.length > 0 && answered.every((status) => status === 503);
      },
      'all answers are 503',
      TIMEOUT_MS,
    );
    expect(await get('/live')).not.toBe(503);
    process.kill(hanging, 'SIGCONT');
    await eventually(
      async () => (await statuses()).every((status) => status === 200),
      'all are ready',
      TIMEOUT_MS,
    );
  }, 60_000);

  test('11.5 read the metrics of all workers, whichever answers', async () => {
    const server = await startWorkers();
    const wires = await openMany(server, 7);
    for (let each = 0; each < WORKERS; each += 1) {
      const text = await metricsOf(server);
      expect([metric(text, 'wavehall_connections'), metric(text, 'wavehall_workers')]).toEqual([7, WORKERS]);
      expect(metric(text, 'wavehall_workers_wanted')).toBe(WORKERS);
      // Booleans are not summed.
      expect([metric(text, 'wavehall_ready'), metric(text, 'wavehall_redis_ready')]).toEqual([1, 1]);
      expect(metric(text, 'process_max_fds') % WORKERS).toBe(0);
    }
    for (const wire of wires) await wire.close();
    await eventually(
      async () => metric(await metricsOf(server), 'wavehall_connections') === 0,
      'all connections are closed',
      TIMEOUT_MS,
    );
  });
});

describe('the front door', () => {
  test('11.4 shares its percentage and its status with all workers', async () => {
    const upstream = await startStandIn({
      ...APP_VARIABLES,
    });
    onTestFinished(() => upstream.close());
    const server = await startWorkers({
      WAVEHALL_CUTOVER_UPSTREAM: `http://127.0.0.1:${upstream.port}`,
      WAVEHALL_CUTOVER_PERCENT: '100',
      WAVEHALL_CUTOVER_BREACH_SECONDS: '0',
      WAVEHALL_CUTOVER_CANARY_SECONDS: '0',
    });
    const headers = { authorization: `Bearer ${TOKEN}` };
    const status = async () =>
      (await http(endpoint(server), { method: 'GET', path: '/admin/cutover', headers }))
        .json as CutoverStatus;
    await openMany(server, 7);
    for (let each = 0; each < WORKERS; each += 1) {
      const { split, percentage, bridge } = await status();
      expect([percentage.percent, split.open]).toEqual([100, { wavehall: 7, upstream: 0 }]);
      expect(bridge).toHaveLength(1);
    }
    const put = { method: 'PUT', path: '/admin/cutover', headers, body: '{"percent":0}' };
    expect((await http(endpoint(server), put)).status).toBe(200);
    // Workers accept in turn: so many answers in a row come from all of them.
    const percents = () => Promise.all(Array.from({ length: WORKERS }, status));
    await eventually(
      async () => (await percents()).every(({ percentage }) => percentage.percent === 0),
      'all workers have the new percentage',
      TIMEOUT_MS,
    );
    await openMany(server, WORKERS);
    const { split } = await status();
    expect(split.open).toEqual({ wavehall: 7, upstream: WORKERS });
    const text = await metricsOf(server);
    expect([metric(text, 'wavehall_cutover_percent'), metric(text, 'wavehall_workers')]).toEqual([
      0,
      WORKERS,
    ]);
    expect(metric(text, 'wavehall_cutover_sockets\\{side="upstream"\\}')).toBe(WORKERS);
  });
});

describe('a worker that exits', () => {
  test('2.9 loses its own sockets and is replaced and counted; other workers and their clients are not affected', async () => {
    const server = await startWorkers();
    expect(metric(await metricsOf(server), 'wavehall_worker_restarts_total')).toBe(0);
    const wires = await openMany(server);
    for (const wire of wires) await subscribe(wire, 'room');
    const [killed = 0, ...others] = childrenOf(server.pid);
    process.kill(killed, 'SIGKILL');
    await eventually(
      () => wires.filter(({ ended }) => ended !== undefined).length === wires.length / WORKERS,
      'its clients are disconnected',
      TIMEOUT_MS,
    );
    await eventually(() => childrenOf(server.pid).length === WORKERS, 'its replacement', TIMEOUT_MS);
    await eventually(
      () => /A worker process exited.*[^]*A restarted worker accepts connections again/.test(server.output()),
      () => `the log has both lines: ${server.output()}`,
      TIMEOUT_MS,
    );
    expect(childrenOf(server.pid)).toEqual(expect.arrayContaining(others));
    expect(server.output()).toMatch(/"reason":"SIGKILL"/);
    const reconnected = await openMany(server);
    for (const wire of reconnected) await subscribe(wire, 'room');
    await publisher(endpoint(server)).post('/events', { name: 'news', channel: 'room', data: '{}' });
    const connected = [...wires.filter(({ ended }) => ended === undefined), ...reconnected];
    expect(connected).toHaveLength(wires.length - wires.length / WORKERS + reconnected.length);
    for (const wire of connected) await wire.next('news', TIMEOUT_MS);
    await eventually(
      async () => metric(await metricsOf(server), 'wavehall_connections') === connected.length,
      'the metrics include all workers again',
      TIMEOUT_MS,
    );
    for (let each = 0; each < WORKERS; each += 1)
      expect(metric(await metricsOf(server), 'wavehall_worker_restarts_total')).toBe(1);
  });

  test('8.11 is restarted until Redis is back; meanwhile the other workers serve and the log has the reason', async () => {
    const own = await startRedis();
    onTestFinished(() => own.close());
    const server = await startWorkers({ REDIS_PORT: `${own.port}` });
    const wires = await openMany(server);
    await own.kill();
    process.kill(childrenOf(server.pid)[0] ?? 0, 'SIGKILL');
    await eventually(
      () => (server.output().match(/"reason":"Redis cannot be reached/g) ?? []).length >= 2,
      () => `two attempts: ${server.output()}`,
      2 * TIMEOUT_MS,
    );
    expect(wires.filter(({ ended }) => ended === undefined)).toHaveLength(
      wires.length - wires.length / WORKERS,
    );
    await own.restart();
    await eventually(
      () => server.output().includes('A restarted worker accepts connections again'),
      'its replacement',
      2 * TIMEOUT_MS,
    );
  }, 60_000);

  test('2.13 by SIGTERM drains its sockets first, and is replaced', async () => {
    const server = await startWorkers();
    const wires = await openMany(server);
    const [stopped = 0, ...others] = childrenOf(server.pid);
    process.kill(stopped, 'SIGTERM');
    await eventually(
      () => wires.filter(({ ended }) => ended?.code === 4200).length === wires.length / WORKERS,
      'its clients have received close 4200',
      TIMEOUT_MS,
    );
    await eventually(
      () => {
        const now = childrenOf(server.pid);
        return now.length === WORKERS && !now.includes(stopped);
      },
      'its replacement',
      TIMEOUT_MS,
    );
    expect(childrenOf(server.pid)).toEqual(expect.arrayContaining(others));
  });
});

describe('the shutdown', () => {
  test.each(['SIGTERM', 'SIGINT'] as const)(
    '2.13 %s: each socket of each worker receives error 4200 and close 4200, and the exit code is 0',
    async (signal) => {
      const server = await startWorkers({ WAVEHALL_DRAIN_SECONDS: '1' });
      const workers = childrenOf(server.pid);
      const wires = await openMany(server);
      server.kill(signal);
      for (const wire of wires) {
        const { frames, closing } = await wire.rest(TIMEOUT_MS);
        expect([frames, closing.code]).toEqual([[CLOSING], 4200]);
      }
      expect(await server.exited).toBe(0);
      expect(workers.filter(isRunning)).toEqual([]);
    },
  );

  test('2.13 treats a signal to the whole process group as one signal; a second one ends the drain at once', async () => {
    const server = await startWorkers({ WAVEHALL_DRAIN_SECONDS: '600' });
    const all = [server.pid, ...childrenOf(server.pid)];
    const wires = await openMany(server, 300);
    const openCount = () => wires.filter(({ ended }) => ended === undefined).length;
    for (const pid of all) process.kill(pid, 'SIGINT');
    await eventually(() => openCount() < wires.length, 'the first closed sockets', TIMEOUT_MS);
    expect(openCount()).toBeGreaterThan(0);
    for (const pid of all) process.kill(pid, 'SIGINT');
    await eventually(() => openCount() === 0, 'all sockets are closed', TIMEOUT_MS);
    expect(new Set(wires.map(({ ended }) => ended?.code))).toEqual(new Set([4200]));
    expect(await server.exited).toBe(0);
  });

  test('2.13 has exit code 1 when a worker is killed while it drains', async () => {
    const server = await startWorkers({ WAVEHALL_DRAIN_SECONDS: '600' });
    const workers = childrenOf(server.pid);
    const wires = await openMany(server, 300);
    server.kill();
    await eventually(
      () => wires.some(({ ended }) => ended !== undefined),
      'the first closed sockets',
      TIMEOUT_MS,
    );
    for (const pid of workers.slice(1)) process.kill(pid, 'SIGKILL');
    server.kill();
    expect(await server.exited).toBe(1);
    expect(workers.filter(isRunning)).toEqual([]);
  });

  test('2.13 ends all workers when the primary is killed', async () => {
    const server = await startWorkers();
    const workers = childrenOf(server.pid);
    const [wire] = (await openMany(server, 1)) as [Wire];
    server.kill('SIGKILL');
    await eventually(() => !workers.some(isRunning), 'no worker is left', TIMEOUT_MS);
    await wire.closing();
  });
});
