import PusherSdk from 'pusher';
import { afterAll, afterEach, beforeAll, expect, onTestFinished, test } from 'vitest';
import { optionsFor, Pusher } from '../clients/stock-clients.ts';
import { run } from '../cli/command.ts';
import type { TestDatabase } from '../support/databases/process.ts';
import { startRedis, type TestRedis } from '../support/redis.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { http, publisher } from '../support/wire-http.ts';
import { Wire } from '../support/wire.ts';
import { type Kind, withDatabases } from './databases.ts';
import { waitFor } from '../support/wait-for.ts';

const TOKEN = 'a-token-of-these-tests';
const LONG_MS = 60_000;

interface Credentials {
  readonly id: string;
  readonly key: string;
  readonly secret: string;
}

withDatabases('a server with apps of a database', (kind: Kind) => {
  let database: TestDatabase;
  let redis: TestRedis;
  let tables = 0;

  beforeAll(async () => {
    [database, redis] = await Promise.all([kind.start(), startRedis()]);
  });
  afterAll(() => Promise.all([database.close(), redis.close()]));
  afterEach(() => database.resume());

  const settings = (): Record<string, string> => ({
    WAVEHALL_APPS_DATABASE: database.url,
    WAVEHALL_APPS_TABLE: `apps${tables}`,
    WAVEHALL_APPS_REFRESH_SECONDS: '1',
    WAVEHALL_APPS_DATABASE_TIMEOUT: '1',
    WAVEHALL_ADMIN_TOKEN: TOKEN,
    WAVEHALL_DRAIN_SECONDS: '0',
  });
  const start = async (env: Record<string, string> = {}): Promise<TestServer> => {
    const server = await startServer({ ...settings(), ...env });
    onTestFinished(() => server.close());
    return server;
  };
  /** Runs `wavehall apps` on the database itself. */
  const apps = async <T>(...args: string[]): Promise<T> => {
    const { code, stdout, stderr } = await run(['apps', ...args], {
      ...settings(),
      WAVEHALL_ADMIN_TOKEN: '',
      // A slow machine alone is no failure.
      WAVEHALL_APPS_DATABASE_TIMEOUT: '15',
    });
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    return JSON.parse(stdout) as T;
  };
  const newTable = async (): Promise<void> => {
    tables += 1;
    await apps('migrate');
  };
  const execute = (sql: string) => database.execute(sql.replaceAll('TABLE_', `apps${tables}`));
  const at = (server: TestServer, app: Credentials) => ({
    ...app,
    host: server.host,
    port: server.port,
    prefix: '',
  });
  const statusOf = async (server: TestServer, app: Credentials): Promise<number> =>
    (await publisher(at(server, app)).get('/channels')).status;
  const connect = (server: TestServer, { key }: Pick<Credentials, 'key'>): Promise<Wire> =>
    Wire.open(server, `/app/${key}?protocol=7`);
  /** Code with which a client of this app is closed now. */
  const refusalOf = async (server: TestServer, app: Pick<Credentials, 'key'>): Promise<number> => {
    const wire = await connect(server, app);
    return (await wire.closing()).code;
  };
  const admin = (server: TestServer, path: string, body?: object) =>
    http(server, {
      method: body === undefined ? 'GET' : 'POST',
      path: `/admin${path}`,
      headers: { authorization: `Bearer ${TOKEN}` },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });

  test(
    '2.18 a new app works, a disabled or removed one loses its clients with 4003, on every node',
    async () => {
      await newTable();
      const scaled = {
        REVERB_SCALING_ENABLED: 'true',
        REDIS_URL: redis.url,
        WAVEHALL_REDIS_PREFIX: `live${tables}:`,
      };
      const nodes = await Promise.all([start(scaled), start(scaled)]);
      const [first, second] = await Promise.all([
        apps<Credentials>('add', 'one'),
        apps<Credentials>('add', 'two'),
      ]);
      const wires = await Promise.all(nodes.map((node) => connect(node, first)));
      const others = await Promise.all(nodes.map((node) => connect(node, second)));
      for (const wire of [...wires, ...others]) await wire.next('pusher:connection_established');
      // The nodes exchange the events of an app that neither knew at its start.
      for (const wire of wires) {
        wire.send({ event: 'pusher:subscribe', data: { channel: 'news' } });
        await wire.next('pusher_internal:subscription_succeeded');
      }
      expect(
        (await publisher(at(nodes[0], first)).post('/events', { name: 'e', channels: ['news'], data: '{}' }))
          .status,
      ).toBe(200);
      for (const wire of wires) await wire.next('e');

      await apps('disable', 'one');
      for (const wire of wires) expect((await wire.closing()).code).toBe(4003);
      for (const node of nodes) {
        await waitFor(async () => expect(await statusOf(node, first)).toBe(403));
        expect(await refusalOf(node, first)).toBe(4003);
        expect(await statusOf(node, second)).toBe(200);
      }
      await apps('enable', 'one');
      for (const node of nodes) await waitFor(async () => expect(await statusOf(node, first)).toBe(200));

      await execute("DELETE FROM TABLE_ WHERE id = 'two'");
      for (const wire of others) expect((await wire.closing()).code).toBe(4003);
      for (const node of nodes) {
        await waitFor(async () => expect(await statusOf(node, second)).toBe(404));
        expect(await refusalOf(node, second)).toBe(4001);
      }
    },
    LONG_MS,
  );

  test(
    '2.18 limits that change hold for open connections, and for the next request',
    async () => {
      await newTable();
      const app = await apps<Credentials>('add', 'one');
      const server = await start();
      const wire = await connect(server, app);
      await wire.next('pusher:connection_established');
      const subscribe = async (channel: string): Promise<string> => {
        wire.send({ event: 'pusher:subscribe', data: { channel } });
        const { event } = await wire.next((frame) =>
          /subscription_(succeeded|error)$/.test(String(frame.event)),
        );
        return String(event);
      };
      expect(await subscribe('a-long-name')).toContain('succeeded');
      const publish = () =>
        publisher(at(server, app)).post('/events', { name: 'e', channels: ['a', 'b'], data: '{}' });
      expect((await publish()).status).toBe(200);
      await execute(
        'UPDATE TABLE_ SET max_channel_name_length = 5, max_event_channels_at_once = 1, max_connections = 1',
      );
      await waitFor(async () => expect((await publish()).status).not.toBe(200));
      expect(await subscribe('a-longer-name')).toContain('error');
      expect(await subscribe('short')).toContain('succeeded');
      expect(await refusalOf(server, app)).toBe(4004);
    },
    LONG_MS,
  );

  test(
    '7.6 a rotation under load refuses nobody, on two nodes',
    async () => {
      await newTable();
      const scaled = {
        REVERB_SCALING_ENABLED: 'true',
        REDIS_URL: redis.url,
        WAVEHALL_REDIS_PREFIX: `rotate${tables}:`,
      };
      const nodes = await Promise.all([start(scaled), start(scaled)]);
      const app = await apps<Credentials>('add', 'shop');
      let credentials = app;
      let [isPublishing, isBrowsing] = [true, true];
      const count = { published: 0, authorized: 0, withNew: 0 };
      const failures: string[] = [];
      const sdkAt = (node: TestServer, { id, key, secret }: Credentials) =>
        new PusherSdk({ appId: id, key, secret, host: node.host, port: String(node.port), useTLS: false });
      const publishing = nodes.map(async (node) => {
        while (isPublishing && failures.length === 0) {
          const used = credentials;
          try {
            await sdkAt(node, used).trigger('private-orders', 'placed', { n: count.published });
            count.published += 1;
            if (used !== app) count.withNew += 1;
          } catch (error) {
            failures.push(String(error));
          }
        }
      });
      /** A browser that subscribes, authorized by an application that has these credentials. */
      const subscribe = (node: TestServer): Promise<void> =>
        new Promise((resolve, reject) => {
          const { key, secret, id } = credentials;
          const client = new Pusher(key, {
            ...optionsFor(node),
            channelAuthorization: {
              customHandler: ({ socketId, channelName }, done) =>
                done(null, sdkAt(node, { id, key, secret }).authorizeChannel(socketId, channelName)),
            },
          });
          const end = (act: () => void): void => {
            client.disconnect();
            act();
          };
          client.connection.bind('error', (error: unknown) =>
            end(() => reject(new Error(JSON.stringify(error)))),
          );
          const channel = client.subscribe('private-orders');
          channel.bind('pusher:subscription_error', (error: unknown) =>
            end(() => reject(new Error(JSON.stringify(error)))),
          );
          channel.bind('placed', () => end(resolve));
        });
      const browsing = nodes.map(async (node) => {
        while (isBrowsing && failures.length === 0) {
          try {
            await subscribe(node);
            count.authorized += 1;
          } catch (error) {
            failures.push(String(error));
          }
        }
      });
      await waitFor(() => expect(count.published).toBeGreaterThan(20));
      const rotated = JSON.parse(
        (await admin(nodes[0], '/apps/shop/rotate', { key: true })).text,
      ) as Credentials;
      expect(rotated.key).not.toBe(app.key);
      // Some publishers and browsers have the new pair now; the others follow later.
      credentials = rotated;
      await waitFor(() => expect(count.withNew).toBeGreaterThan(20));
      credentials = app;
      const before = count.published;
      await waitFor(() => expect(count.published).toBeGreaterThan(before + 20));
      // A browser waits for an event.
      isBrowsing = false;
      await Promise.all(browsing);
      isPublishing = false;
      await Promise.all(publishing);
      expect(failures).toEqual([]);
      expect(count.authorized).toBeGreaterThan(2);
    },
    LONG_MS,
  );

  test(
    '2.18 without the database a server starts, is not ready, and answers 503 until the apps are known',
    async () => {
      await newTable();
      const app = await apps<Credentials>('add', 'one');
      await database.kill();
      const server = await start();
      expect((await http(server, { method: 'GET', path: '/ready' })).status).toBe(503);
      expect((await http(server, { method: 'GET', path: '/live' })).status).toBe(200);
      expect(await statusOf(server, app)).toBe(503);
      await expect(connect(server, app)).rejects.toThrow('503');
      expect((await admin(server, '/apps', {})).status).toBe(503);
      await database.restart();
      await waitFor(async () =>
        expect((await http(server, { method: 'GET', path: '/ready' })).status).toBe(200),
      );
      expect(await statusOf(server, app)).toBe(200);

      // Later, what is known goes on: nothing about the server changes but a metric.
      await database.kill();
      await waitFor(async () =>
        expect((await admin(server, '/metrics')).text).toMatch(
          /wavehall_apps_read_errors_total\{reason="unreachable"\} [1-9]/,
        ),
      );
      expect(await statusOf(server, app)).toBe(200);
      expect((await http(server, { method: 'GET', path: '/ready' })).status).toBe(200);
      expect((await admin(server, '/metrics')).text).toMatch(/wavehall_apps_read_age_seconds \d/);
      await database.restart();
    },
    LONG_MS,
  );

  test(
    '11.5 apps are added, rotated and disabled over the admin API, and their secrets are shown once',
    async () => {
      await newTable();
      const server = await start();
      const remote = (args: readonly string[]) =>
        run(['apps', ...args], { WAVEHALL_ADMIN_TOKEN: TOKEN, REVERB_SERVER_PORT: `${server.port}` });
      const added = await remote(['add', 'shop']);
      const app = JSON.parse(added.stdout) as Credentials;
      expect(await statusOf(server, app)).toBe(200);
      const rotated = JSON.parse((await remote(['rotate', 'shop', '--overlap', '0'])).stdout) as Credentials;
      expect(await statusOf(server, rotated)).toBe(200);
      expect(await statusOf(server, app)).toBe(401);
      await remote(['disable', 'shop']);
      expect(await statusOf(server, rotated)).toBe(403);
      const listed = await remote([]);
      expect(JSON.parse(listed.stdout)).toMatchObject({
        apps: [{ id: 'shop', keys: [app.key], enabled: false }],
      });
      const shownLater = listed.stdout + server.output() + (await admin(server, '/status')).text;
      for (const { secret } of [app, rotated]) expect(shownLater).not.toContain(secret);
      expect((await remote(['rotate', 'nobody'])).stderr).toContain('There is no app "nobody"');
      expect((await admin(server, '/apps', { name: 'x' })).status).toBe(400);
      expect((await admin(server, '/apps/shop/rotate', { overlapSeconds: -1 })).status).toBe(400);
      expect((await http(server, { method: 'POST', path: '/admin/apps' })).status).toBe(401);
    },
    LONG_MS,
  );
});
