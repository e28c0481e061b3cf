/** Reconnects of a stock pusher-js after a refusal, a crash and a shutdown, by close code. */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect, type AddressInfo } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { afterEach, describe, expect, test } from 'vitest';
import { APP, APP_VARIABLES } from '../support/app.ts';
import { selfSigned } from '../support/certificates.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { SwitchableProxy } from '../support/switchable-proxy.ts';
import { EventRecorder } from './event-recorder.ts';
import { subscribeTo, inState, membersOf, openClients, optionsFor, Pusher } from './stock-clients.ts';
import { sleep } from '../../src/core/util/time.ts';

/** pusher-js retries after 1 second, then after another 15. */
const RECONNECT_MS = 40_000;

const cleanups: (() => unknown)[] = [];
const closeLater = <T extends { close(): unknown }>(resource: T): T => {
  cleanups.push(() => resource.close());
  return resource;
};

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

const unknownKey = { code: 4001, message: 'Application does not exist' };
const overQuota = { code: 4004, message: 'Application is over connection quota' };

function client(server: TestServer, key = APP.key) {
  const pusher = new Pusher(key, optionsFor(server));
  cleanups.push(() => pusher.disconnect());
  return { pusher, recorder: new EventRecorder(pusher.connection) };
}

/** Records an event 900 ms after the connection was closed. */
const ALMOST_A_SECOND = 'almost a second has passed';
function recordAlmostASecond(connection: Pusher['connection'], recorder: EventRecorder): void {
  connection.bind('error', () => setTimeout(() => recorder.record(ALMOST_A_SECOND, {}), 900).unref());
}

const refusals = (server: TestServer, message: string): number => server.output().split(message).length - 1;

describe('a refused client', () => {
  test('2.5 does not reconnect after an unknown key, while another client makes ten attempts', async () => {
    const server = closeLater(await startServer({ WAVEHALL_MAX_CONNECTIONS: '1' }, ['--debug']));
    const holder = client(server);
    await inState(holder.pusher, 'connected');

    const unknown = client(server, 'nope');
    await unknown.recorder.next('disconnected');
    expect(unknown.recorder.all('error')).toContainEqual(
      expect.objectContaining({ error: expect.objectContaining({ data: unknownKey }) }),
    );

    // A client that receives 4100 retries every second: it measures the time, and shows that the test counts attempts.
    const retrying = client(server);
    await expect
      .poll(() => refusals(server, 'Server is over capacity'), { timeout: 30_000, interval: 100 })
      .toBeGreaterThanOrEqual(10);
    expect(retrying.recorder.count('connecting_in')).toBeGreaterThanOrEqual(9);
    expect(unknown.pusher.connection.state).toBe('disconnected');
    expect(refusals(server, 'Application does not exist')).toBe(1);
  }, 60_000);

  test('2.7 does not reconnect after the quota of the app is exceeded', async () => {
    const server = closeLater(await startServer({ REVERB_APP_MAX_CONNECTIONS: '1' }));
    const first = client(server);
    await inState(first.pusher, 'connected');
    const second = client(server);
    await second.recorder.next('disconnected');
    expect(second.recorder.all('error')).toContainEqual(
      expect.objectContaining({ error: expect.objectContaining({ data: overQuota }) }),
    );
    expect(second.recorder.count('connecting_in')).toBe(0);
  });
});

describe('a client that loses its server', () => {
  test('2.14 reconnects by itself after kill -9 and a start on the same port, with all its channels', async () => {
    const clients = closeLater(await openClients());
    const { port } = clients.server;
    const pusher = clients.pusher('7');
    const connection = new EventRecorder(pusher.connection);
    const orders = await subscribeTo(pusher, 'orders');
    const own = await subscribeTo(pusher, 'private-orders');
    const presence = await subscribeTo(pusher, 'presence-room');
    pusher.signin();
    await pusher.user.signinDonePromise;
    const before = pusher.connection.socket_id;

    clients.server.kill('SIGKILL');
    expect(await clients.server.exited).toBeNull();
    closeLater(await startServer({ REVERB_SERVER_PORT: String(port) }));

    await connection.until(() => connection.count('connected') === 2, 'reconnection', RECONNECT_MS);
    for (const { recorder } of [orders, own, presence]) {
      await recorder.until(() => recorder.count('pusher:subscription_succeeded') === 2, 'new subscription');
    }
    expect(pusher.connection.socket_id).not.toBe(before);
    expect(membersOf(presence.channel).count).toBe(1);
    await clients.sdk.trigger(['orders', 'private-orders', 'presence-room'], 'shipped', { id: 1 });
    for (const { recorder } of [orders, own, presence])
      expect(await recorder.next('shipped')).toEqual({ id: 1 });
    await pusher.user.signinDonePromise;
    const user = new EventRecorder(pusher.user);
    await clients.sdk.sendToUser('7', 'greeting', {});
    await user.next('greeting');
  }, 90_000);

  test('2.13 reconnects to another node at once when its node shuts down', async () => {
    const front = closeLater(new SwitchableProxy());
    const port = await front.listen();
    const clients = closeLater(await openClients());
    const next = closeLater(await startServer());
    front.target = clients.server.port;
    const users = await Promise.all(
      ['7', '8', '9'].map(async (user) => {
        const pusher = clients.pusher(user, { wsPort: port, wssPort: port });
        const connection = new EventRecorder(pusher.connection);
        const presence = await subscribeTo(pusher, 'presence-room');
        recordAlmostASecond(pusher.connection, connection);
        return { connection, presence };
      }),
    );
    expect(front.accepted).toBe(3);

    front.target = next.port;
    clients.server.kill('SIGTERM');
    for (const { connection, presence } of users) {
      await connection.until(() => connection.count('connected') === 2, 'connection to the other node');
      expect(connection.all('error')).toContainEqual(
        expect.objectContaining({ data: expect.objectContaining({ code: 4200 }) }),
      );
      // After a code below 4200 it would wait for 1 second.
      const events = connection.events.map(({ event }) => event);
      const beforeReconnect = events.slice(events.indexOf('error'), events.lastIndexOf('connecting'));
      expect(beforeReconnect).not.toContain(ALMOST_A_SECOND);
      await presence.recorder.until(
        () => membersOf(presence.channel).count === 3,
        'roster of three on the other node',
      );
    }
    expect(await clients.server.exited).toBe(0);
    expect(front.accepted).toBe(6);
  }, 40_000);
});

describe('a server that requires TLS, behind a proxy that does not send https', () => {
  test('2.5 delays pusher-js, which reconnects at once: fewer than six connections in two seconds', async () => {
    const server = closeLater(
      await startServer({
        WAVEHALL_REQUIRE_TLS: 'true',
        ...APP_VARIABLES,
      }),
    );
    let accepted = 0;
    const files = selfSigned();
    cleanups.push(() => files.remove());
    const front = createTlsServer(
      { cert: readFileSync(files.certificate), key: readFileSync(files.key) },
      (client) => {
        accepted += 1;
        const upstream = connect(server.port, '127.0.0.1');
        for (const [from, to] of [
          [client, upstream],
          [upstream, client],
        ] as const) {
          from.pipe(to);
          from.on('error', () => to.destroy());
        }
      },
    ).listen(0, '127.0.0.1');
    await once(front, 'listening');
    cleanups.push(() => front.close());
    process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0';
    cleanups.push(() => delete process.env.NODE_TLS_REJECT_UNAUTHORIZED);
    const { port } = front.address() as AddressInfo;
    const pusher = new Pusher(APP.key, { ...optionsFor({ host: '127.0.0.1', port }), forceTLS: true });
    cleanups.push(() => pusher.disconnect());
    await sleep(2000);
    expect(accepted).toBeGreaterThan(0);
    expect(accepted).toBeLessThan(6);
  });
});
