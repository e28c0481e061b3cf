/** Unmodified pusher-js in Node over the HTTP fallback, against the real server process. */
import type { Options } from 'pusher-js';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { APP } from '../support/app.ts';
import { startServer } from '../support/server.ts';
import { http } from '../support/wire-http.ts';
import { eventually } from '../support/wire.ts';
import { EventRecorder } from './event-recorder.ts';
import {
  type ClientsContext,
  inState,
  membersOf,
  openClients,
  optionsFor,
  Pusher,
  subscribeTo,
} from './stock-clients.ts';

const SECONDS = 1000;

/** Options of a page that connects over HTTP alone. */
const overHttp = ({ host, port }: { host: string; port: number }, transport: string): Partial<Options> => ({
  httpHost: host,
  httpPort: port,
  enabledTransports: [transport as 'xhr_streaming' | 'xhr_polling'],
});

describe.each(['xhr_streaming', 'xhr_polling'])('over %s', (transport) => {
  let clients: ClientsContext;
  beforeAll(async () => {
    clients = await openClients({
      WAVEHALL_ADMIN_TOKEN: 'token',
      WAVEHALL_HTTP_FALLBACK_AWAY: '2',
      WAVEHALL_HTTP_FALLBACK_HEARTBEAT: '2',
    });
  });
  afterEach(() => clients.clear());
  afterAll(() => clients.close());

  /** Answered requests by the last part of their path. */
  async function requests(): Promise<Record<string, number>> {
    const { text } = await http(clients.server, {
      ...{ method: 'GET', path: '/admin/metrics' },
      headers: { Authorization: 'Bearer token' },
    });
    const counts: Record<string, number> = { xhr: 0, xhr_send: 0 };
    for (const [, purpose = '', count] of text.matchAll(
      /^wavehall_http_requests_total\{route="[^"]*\/(xhr|xhr_send)",[^}]*\} (\d+)$/gm,
    ))
      counts[purpose]! += Number(count);
    return counts;
  }

  const pusher = (user?: string, options: Partial<Options> = {}, key?: string): Pusher =>
    clients.pusher(user, { ...overHttp(clients.server, transport), ...options }, key);

  test('10.4 connects, and gets events of public and private channels once, in order', async () => {
    const client = pusher();
    expect(await inState(client, 'connected')).toMatch(/^\d+\.\d+$/);
    for (const kind of ['orders', 'private-orders', 'cache-orders', 'private-encrypted-orders']) {
      const name = clients.name(kind);
      const { recorder } = await subscribeTo(client, name);
      for (let sent = 0; sent < 10; sent += 1) await clients.sdk.trigger(name, 'e', { sent, text: 'ü ✓ 😀' });
      await clients.fence(name, recorder);
      expect(recorder.all('e')).toEqual(Array.from({ length: 10 }, (_, sent) => ({ sent, text: 'ü ✓ 😀' })));
    }
  });

  test('10.4 connects under the path of a tab', async () => {
    await inState(pusher('1', { httpPath: '/pusher/t/tab-1234-tab-1234' }), 'connected');
  });

  test('10.6 sends client events and signs in', async () => {
    const name = clients.name('private-room');
    const sender = pusher('1');
    const { channel } = await subscribeTo(sender, name);
    const { recorder } = await subscribeTo(pusher('2'), name);
    channel.trigger('client-typing', { who: 'ü' });
    expect(await recorder.next('client-typing')).toEqual({ who: 'ü' });
    sender.signin();
    await sender.user.signinDonePromise;
    expect(sender.user.user_data).toMatchObject({ id: '1' });
  });

  test('10.4 a member whose page is gone leaves within the time without a request', async () => {
    const name = clients.name('presence-room');
    const { channel, recorder } = await subscribeTo(pusher('1'), name);
    const other = pusher('2');
    await subscribeTo(other, name);
    await recorder.next('pusher:member_added');
    expect(membersOf(channel).count).toBe(2);
    other.disconnect();
    expect(await recorder.next('pusher:member_removed', 6 * SECONDS)).toMatchObject({ id: '2' });
  });

  test('10.5 stays connected in silence, with at most one send for each heartbeat', async () => {
    const client = pusher();
    const socketId = await inState(client, 'connected');
    const states = new EventRecorder(client.connection);
    const before = await requests();
    const heartbeat = transport === 'xhr_streaming' ? 'xhr_send' : 'xhr';
    await eventually(
      async () => (await requests())[heartbeat]! - before[heartbeat]! >= 3,
      'three heartbeats are answered',
      15 * SECONDS,
    );
    expect(client.connection.socket_id).toBe(socketId);
    expect(states.count('state_change')).toBe(0);
    const all = await requests();
    expect(all.xhr_send! - before.xhr_send!).toBeLessThanOrEqual(5);
  });

  test('10.5 receives more than 256 KiB without a loss, on one connection', async () => {
    const name = clients.name('large');
    const client = pusher();
    const { recorder } = await subscribeTo(client, name);
    const socketId = client.connection.socket_id;
    const text = 'ü'.repeat(4000);
    const sends = Array.from({ length: 150 }, (_, sent) => sent);
    // Several at once: the stream is never quiet while the client renews it.
    for (let from = 0; from < sends.length; from += 5)
      await Promise.all(
        sends.slice(from, from + 5).map((sent) => clients.sdk.trigger(name, 'e', { sent, text })),
      );
    await clients.fence(name, recorder);
    const received = recorder.all('e').map((data) => (data as { sent: number }).sent);
    expect([...received].sort((a, b) => a - b)).toEqual(sends);
    expect(client.connection.socket_id).toBe(socketId);
  }, 30_000);

  test('10.1 an unknown key stops the client with 4001', async () => {
    const client = clients.pusher('1', overHttp(clients.server, transport), 'unknown-key');
    const errors = new EventRecorder(client.connection);
    expect(await errors.next('error')).toMatchObject({ error: { data: { code: 4001 } } });
    await errors.until(() => client.connection.state === 'disconnected', 'the client stops');
  });

  test('10.4 a refused subscription is reported, and the session goes on', async () => {
    const client = pusher();
    const refused = new EventRecorder(client.subscribe(clients.name('private-missigned')));
    expect(await refused.next('pusher:subscription_error')).toMatchObject({ status: 401 });
    await subscribeTo(client, clients.name('orders'));
  });

  test('2.13 a client that is closed with 4200 returns to the server that takes its place', async () => {
    const first = await startServer({ WAVEHALL_DRAIN_SECONDS: '1' });
    const client = new Pusher(APP.key, { ...optionsFor(first), ...overHttp(first, transport) });
    try {
      const before = await inState(client, 'connected');
      const states = new EventRecorder(client.connection);
      first.kill('SIGTERM');
      await first.exited;
      const second = await startServer({ REVERB_SERVER_PORT: `${first.port}` });
      await states.next('connected', 30 * SECONDS);
      expect(client.connection.socket_id).not.toBe(before);
      client.disconnect();
      await second.close();
    } finally {
      client.disconnect();
      await first.close();
    }
  }, 60_000);
});
