/** The commands that operate a running server: status, apps, channels, users, trigger, terminate. */
import { spawnSync } from 'node:child_process';
import { createServer as createHttp } from 'node:http';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { stripVTControlCharacters } from 'node:util';
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { APP } from '../support/app.ts';
import { freePort } from '../support/free-port.ts';
import { startRedis, type TestRedis } from '../support/redis.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { channelAuth, userAuth } from '../support/wire-http.ts';
import { dataOf, type Wire } from '../support/wire.ts';
import { MAIN, run, temporaryFile } from './command.ts';
import {
  admin,
  LONG_MS,
  openClient,
  operate,
  operated,
  runInTerminal,
  shellOf,
  startOperated,
  TOKEN,
} from './operated-server.ts';

vi.setConfig({ testTimeout: 2 * LONG_MS });

const HAS_TERMINAL =
  spawnSync('/usr/bin/script', ['-qec', 'true', '/dev/null'], { stdio: 'ignore' }).status === 0;
const NO_TOKEN = { WAVEHALL_ADMIN_TOKEN: '' };

let redis: TestRedis;
let server: TestServer;
beforeAll(async () => {
  redis = await startRedis();
  server = await startServer(operated());
});
afterAll(async () => {
  await server.close();
  await redis.close();
});

async function subscribe(wire: Wire, channel: string, user?: string): Promise<void> {
  const channelData = user === undefined ? undefined : JSON.stringify({ user_id: user });
  const auth = channelAuth(APP, wire.socketId, channel, channelData);
  const data = { channel, auth, ...(channelData !== undefined && { channel_data: channelData }) };
  wire.send({ event: 'pusher:subscribe', data });
  await wire.next('pusher_internal:subscription_succeeded');
}

/** Text that a command prints on a terminal, without colours. */
const shownOn = async (args: readonly string[], env: Record<string, string>): Promise<string> =>
  stripVTControlCharacters(await runInTerminal(args, env)).replaceAll('\r', '');

const jsonOf = async (args: readonly string[], env: Record<string, string> = {}): Promise<unknown> => {
  const { code, stdout, stderr } = await operate(server, args, env);
  expect([code, stderr]).toEqual([0, '']);
  return JSON.parse(stdout);
};

/** Runs a command that fails, and returns its one line. */
const errorOf = async (args: readonly string[], env: Record<string, string> = {}): Promise<string> => {
  const { code, stdout, stderr } = await operate(server, args, env);
  expect([code, stdout]).toEqual([1, '']);
  expect(stderr).toMatch(/^wavehall: [^\n]+\n$/);
  expect(stderr).not.toContain(APP.secret);
  return stderr.trim();
};

describe('wavehall status', () => {
  test('11.5 with the token shows the process, as the admin API answers it', async () => {
    const client = await openClient(server);
    const status = (await jsonOf(['status'])) as { workers: { node: object; limits: object }[] };
    expect(status).toMatchObject({ workersWanted: 1, node: { connections: 1, ready: true, apps: 1 } });
    expect(status.workers).toHaveLength(1);
    expect(status.workers[0]?.node).toMatchObject({ pid: server.pid, warnings: [] });
    expect(status.workers[0]?.limits).toEqual({ reached: [] });
    await client.close();
  });

  test('11.5 of several workers has each of them, and the nodes that have a lease in Redis', async () => {
    const several = await startOperated(operated(redis), ['--workers', '3']);
    for (let client = 0; client < 6; client += 1) await openClient(several);
    const { stdout } = await operate(several, ['status', '--json']);
    const status = JSON.parse(stdout) as {
      workers: { node: { pid: number; connections: number }; redis: { node: string; nodes: object[] } }[];
    };
    expect(status.workers.map(({ node }) => node.connections)).toEqual([2, 2, 2]);
    expect(new Set(status.workers.map(({ node }) => node.pid)).size).toBe(3);
    const ids = status.workers.map((each) => each.redis.node).sort();
    for (const each of status.workers) {
      expect(each.redis).toMatchObject({ ready: true, servers: `127.0.0.1:${redis.port}`, lostEvents: 0 });
      expect(each.redis.nodes.map((lease) => (lease as { node: string }).node).sort()).toEqual(ids);
    }
  });

  test('11.5 of a Redis that does not answer is given all the same', async () => {
    const own = await startRedis();
    onTestFinished(() => own.close());
    const alone = await startOperated(operated(own));
    own.pause();
    const { code, stdout } = await operate(alone, ['status', '--json']);
    own.resume();
    expect(code).toBe(0);
    const { redis: section } = JSON.parse(stdout) as { redis: { problem?: string; roundTripMs?: null } };
    expect(section.problem ?? section.roundTripMs).toSatisfy(
      (value: unknown) => value === null || value === 'no answer in 1 s',
    );
  });

  test('8.10 without a token counts the connections and channels of the app', async () => {
    const client = await openClient(server);
    await subscribe(client, 'private-status');
    expect(await jsonOf(['status'], NO_TOKEN)).toEqual({ app: APP.id, connections: 1, channels: 1 });
    await client.close();
  });

  test.runIf(HAS_TERMINAL)('11.5 is a table on a terminal, with a row for each worker', async () => {
    const several = await startOperated(operated(redis), ['--workers', '2']);
    await openClient(several);
    const text = await shownOn(['status'], shellOf(several));
    expect(text).toMatch(/^Wavehall \d\S+ {3}ready {3}1 connection {3}1 app {3}2 of 2 workers$/m);
    expect(text).toMatch(/^process +ready +connections +up +memory +heap$/m);
    expect(text.match(/^\d+ +yes +[01] +\d+ s +\d+ MiB +\d+ MiB of \d+ MiB$/gm)).toHaveLength(2);
    expect(text.match(/^redis {3}process \d+$/gm)).toHaveLength(2);
    const small = await shownOn(['status'], { ...shellOf(several), ...NO_TOKEN });
    expect(small).toContain(`App ${APP.id}: 1 connection, 0 channels with subscribers.`);
  });
});

describe('wavehall apps', () => {
  test('11.5 lists ids, keys and limits, and no secret', async () => {
    const apps = JSON.stringify([
      { app_id: 'one', key: 'one-key', secret: 'one-hush', max_connections: 7 },
      {
        app_id: 'two',
        key: 'two-key',
        secret: 'two-hush',
        credentials: [{ key: 'old', secret: 'old-hush' }],
      },
    ]);
    const several = await startOperated({ WAVEHALL_APPS: apps, WAVEHALL_ADMIN_TOKEN: TOKEN });
    const { code, stdout, stderr } = await operate(several, ['apps']);
    expect([code, stderr]).toEqual([0, '']);
    expect(JSON.parse(stdout)).toMatchObject({
      apps: [
        { id: 'one', keys: ['one-key'], enabled: true, limits: { connections: 7 } },
        { id: 'two', keys: ['two-key', 'old'] },
      ],
    });
    expect(stdout).not.toContain('hush');
    expect((await admin(several, 'GET', '/apps')).text).not.toContain('hush');
  });

  test.runIf(HAS_TERMINAL)('11.5 is a table on a terminal', async () => {
    const text = await shownOn(['apps'], shellOf(server));
    expect(text).toMatch(/^id +keys +enabled +client events /m);
    expect(text).toMatch(/^app-id +app-key +yes +members +\* +no limit +10000 +no limit$/m);
  });
});

describe('wavehall channels and users', () => {
  test('8.6 list what is occupied, with counts and by prefix', async () => {
    const [ada, grace] = [await openClient(server), await openClient(server)];
    await subscribe(ada, 'private-a');
    await subscribe(ada, 'presence-room', 'ada');
    await subscribe(grace, 'presence-room', 'grace');
    expect(await jsonOf(['channels'])).toEqual({ channels: { 'private-a': {}, 'presence-room': {} } });
    expect(await jsonOf(['channels', '--prefix', 'presence-', '--info', 'user_count'])).toEqual({
      channels: { 'presence-room': { user_count: 2 } },
    });
    expect(await jsonOf(['channels', '--info', 'user_count,subscription_count'])).toEqual({
      channels: { 'private-a': { subscription_count: 1 }, 'presence-room': { user_count: 2 } },
    });
    expect(await jsonOf(['users', 'presence-room'])).toEqual({ users: [{ id: 'ada' }, { id: 'grace' }] });
    for (const wire of [ada, grace]) await wire.close();
  });

  test.runIf(HAS_TERMINAL)('8.6 are tables on a terminal; names cannot control it', async () => {
    const client = await openClient(server);
    const user = 'ada\u001b[2J';
    await subscribe(client, 'presence-table', user);
    const channels = await shownOn(['channels', '--info', 'user_count'], shellOf(server));
    expect(channels).toMatch(/^channel +subscriptions +users$/m);
    expect(channels).toMatch(/^presence-table +1$/m);
    const users = await runInTerminal(['users', 'presence-table'], shellOf(server));
    expect(users).toContain('ada [2J');
    expect(users).not.toContain(user);
    await client.close();
  });

  test('8.8 users of a channel without members are refused with the reason of the server', async () => {
    expect(await errorOf(['users', 'news'])).toBe(
      `wavehall: http://127.0.0.1:${server.port} answered with 400: The channel must be a presence channel.`,
    );
  });
});

describe('wavehall trigger', () => {
  test('8.4 publishes data from the command line or stdin, and can leave a socket out', async () => {
    const [one, other] = [await openClient(server), await openClient(server)];
    for (const wire of [one, other]) await subscribe(wire, 'private-t');
    expect(await jsonOf(['trigger', 'private-t', 'plain'])).toEqual({
      channels: { 'private-t': { subscription_count: 2 } },
    });
    expect((await one.next('plain')).data).toBe('{}');
    await jsonOf(['trigger', 'private-t', 'given', '{"a":[1,"é"]}', '--socket-id', one.socketId]);
    expect(dataOf(await other.next('given'))).toEqual({ a: [1, 'é'] });
    expect((await one.settle()).map(({ event }) => event)).not.toContain('given');
    const piped = spawnSync('sh', ['-c', `printf 'from stdin' | node ${MAIN} trigger private-t piped -`], {
      env: { ...process.env, ...shellOf(server) },
      encoding: 'utf8',
      timeout: LONG_MS,
    });
    expect([piped.status, piped.stderr]).toEqual([0, '']);
    expect((await one.next('piped')).data).toBe('from stdin');
    for (const wire of [one, other]) await wire.close();
  });

  test('8.4 shows why the server refuses an event', async () => {
    expect(await errorOf(['trigger', 'a b', 'x'])).toMatch(/answered with 4\d\d: .+/);
    expect(await errorOf(['trigger', 'a', 'x', 'x'.repeat(11_000)])).toMatch(/answered with 413: .+/);
  });
});

describe('wavehall terminate', () => {
  test('8.9 closes all connections of the user, and no other', async () => {
    const [ada, grace] = [await openClient(server), await openClient(server)];
    for (const [wire, id] of [
      [ada, 'ada'],
      [grace, 'grace'],
    ] as const) {
      const userData = JSON.stringify({ id });
      wire.send({
        event: 'pusher:signin',
        data: { auth: userAuth(APP, wire.socketId, userData), user_data: userData },
      });
      await wire.next('pusher:signin_success');
    }
    expect(await jsonOf(['terminate', 'ada'])).toEqual({});
    expect((await ada.closing()).code).toBe(4009);
    await grace.settle();
    await grace.close();
  });
});

/** Each command with arguments that are enough, by the API that it uses. */
const OF_ADMIN = [['status'], ['apps'], ['restart']];
const OF_APP = [['channels'], ['users', 'presence-x'], ['trigger', 'c', 'e'], ['terminate', 'u']];

/** Listens on a free port until the test ends. */
async function listen(stub: Server): Promise<string> {
  stub.listen(0, '127.0.0.1');
  await new Promise((resolve) => stub.once('listening', resolve));
  onTestFinished(() => void stub.close());
  return `http://127.0.0.1:${(stub.address() as AddressInfo).port}`;
}

describe('an error', () => {
  test('11.5 names the token: none, or a wrong one, which is not shown', async () => {
    for (const args of [['apps'], ['restart']])
      expect(await errorOf(args, NO_TOKEN)).toBe(
        'wavehall: --token, or WAVEHALL_ADMIN_TOKEN: expected the token of the admin API',
      );
    for (const args of OF_ADMIN) {
      const error = await errorOf([...args, '--token', 'guessed-token']);
      expect(error).toBe(
        `wavehall: http://127.0.0.1:${server.port} refuses this token: --token, or WAVEHALL_ADMIN_TOKEN`,
      );
    }
  });

  test('8.2 names the app: unknown here or there, several, or a wrong secret, which is not shown', async () => {
    const several = JSON.stringify(
      ['one', 'two'].map((id) => ({ app_id: id, key: `${id}-key`, secret: `${id}-hush` })),
    );
    for (const args of OF_APP) {
      expect(await errorOf([...args, '--app', 'x'])).toBe('wavehall: --app x: expected one of app-id');
      expect(await errorOf(args, { WAVEHALL_APPS: several })).toBe(
        'wavehall: --app: expected one of one, two',
      );
      expect(await errorOf([...args, '--app', 'two'], { WAVEHALL_APPS: several })).toMatch(
        /has no app "two", or is no Wavehall: see --url, --app and the path \(404: /,
      );
      const wrong = await errorOf(args, { REVERB_APP_SECRET: 'guessed-secret' });
      expect(wrong).toMatch(/refuses the credentials of the app "app-id": .*\(401: .*\)/);
      expect(wrong).not.toContain('guessed-secret');
    }
  });

  test('11.17 names the address: nothing listens there, or it is no URL', async () => {
    const closed = `http://127.0.0.1:${await freePort()}`;
    for (const args of [...OF_ADMIN, ...OF_APP]) {
      expect(await errorOf([...args, '--url', closed])).toBe(
        `wavehall: --url ${closed}: cannot be reached (ECONNREFUSED)`,
      );
      expect(await errorOf([...args, '--url', 'localhost:8080'])).toMatch(/: expected http:\/\/host:port/);
    }
    expect(await errorOf(['channels', '--url', 'http://me:hush@127.0.0.1:1'])).toBe(
      'wavehall: --url: expected no user and no password',
    );
  });

  test('11.17 says that the server is another one when the answer is not JSON', async () => {
    const page = await listen(
      createHttp((_, answer) => void answer.end('<!DOCTYPE html><title>Welcome</title>')),
    );
    for (const args of [...OF_ADMIN, ...OF_APP])
      expect(await errorOf([...args, '--url', page])).toBe(
        `wavehall: ${page} did not answer with JSON: is it Wavehall?`,
      );
  });

  test('11.17 comes within 10 seconds when a server accepts connections and never answers', async () => {
    const silent = await listen(createServer((socket) => void socket.on('error', () => undefined)));
    const startedMs = performance.now();
    const errors = await Promise.all(
      [['status'], ['channels'], ['restart']].map((args) => errorOf([...args, '--url', silent])),
    );
    for (const error of errors)
      expect(error).toBe(`wavehall: --url ${silent}: cannot be reached (no answer in 10000 ms)`);
    expect(performance.now() - startedMs).toBeLessThan(14_000);
  });

  test('2.1 names the file and the line of a .env that cannot be read', async () => {
    const file = temporaryFile('.env', 'REVERB_APP_ID="app\n');
    expect(await errorOf(['apps', '--env-file', file])).toContain(file);
  });
});

test('2.1 --env-file gives address, credentials and token, as for wavehall start', async () => {
  const lines = Object.entries(shellOf(server)).map(([name, value]) => `${name}=${value}\n`);
  const file = temporaryFile('.env', lines.join(''));
  for (const args of [['status'], ['channels']]) {
    const { code, stderr } = await run([...args, '--env-file', file], { REVERB_SERVER_PORT: '' });
    // An empty variable of the environment wins over the file, as for `wavehall start`.
    expect([code, stderr]).toEqual([1, expect.stringContaining('http://127.0.0.1:8080')]);
    const given = await run([...args, '--env-file', file, '--url', `http://127.0.0.1:${server.port}`]);
    expect([given.code, given.stderr]).toEqual([0, '']);
  }
});
