/** A cluster of real nodes under load, in which every ordinary event of the metrics happens. */
import { join } from 'node:path';
import { asker, bearer } from '../auth/asking.ts';
import { LaravelStandIn } from '../auth/laravel-stand-in.ts';
import { APP, APP_VARIABLES, appAt } from '../support/app.ts';
import { startRedis } from '../support/redis.ts';
import { startReceiver } from '../webhooks/receiver.ts';
import { startStandIn } from '../support/reverb-stand-in.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { channelAuth, publisher } from '../support/wire-http.ts';
import { dataOf, Wire } from '../support/wire.ts';
import { makeCertificate } from '../transports/certificate.ts';
import { sleep } from '../../src/core/util/time.ts';
import type { Target } from './stack.ts';

const PATH = `/app/${APP.key}?protocol=7`;
const CHANNELS = ['room', 'private-room', 'cache-room', 'private-cache-room'];
/** As many as one client subscribes to; one more is refused. */
const MAX_SUBSCRIPTIONS = 5;

/** A second app, which makes more requests than it may. */
const LIMITED = { id: 'limited', key: 'limited-key', secret: 'limited-secret' } as const;

const APPS = [
  { app_id: APP.id, key: APP.key, secret: APP.secret },
  { app_id: LIMITED.id, key: LIMITED.key, secret: LIMITED.secret, max_requests_per_second: 1 },
];

export const TOKEN = 'a-token-for-tests';

export interface BusyCluster {
  readonly targets: readonly Target[];
  close(): Promise<void>;
}

/**
 * Starts a node with a cutover, a node with 2 workers, and one with TLS; all share a Redis. Clients come, subscribe, publish, are
 * refused and leave until it is closed. `folder`: for the certificate.
 */
export async function startBusyCluster(folder: string): Promise<BusyCluster> {
  const redis = await startRedis();
  const upstream = await startStandIn(APP_VARIABLES);
  const receiver = await startReceiver();
  const laravel = await LaravelStandIn.open();
  const shared = {
    WAVEHALL_APPS: JSON.stringify(APPS),
    REVERB_APP_ACCEPT_CLIENT_EVENTS_FROM: 'all',
    REVERB_SCALING_ENABLED: 'true',
    REDIS_HOST: '127.0.0.1',
    REDIS_PORT: `${redis.port}`,
    WAVEHALL_ADMIN_TOKEN: TOKEN,
    WAVEHALL_AUTH_UPSTREAM: laravel.url,
    WAVEHALL_DRAIN_SECONDS: '0',
    REVERB_WEBHOOK_URL: receiver.url,
    WAVEHALL_WEBHOOK_ALLOW_PRIVATE: '127.0.0.1',
    REVERB_WEBHOOK_DISCONNECT_SMOOTHING_MS: '0',
    WAVEHALL_MAX_SUBSCRIPTIONS: `${MAX_SUBSCRIPTIONS}`,
  };
  const cutover = {
    WAVEHALL_CUTOVER_UPSTREAM: `http://127.0.0.1:${upstream.port}`,
    WAVEHALL_CUTOVER_PERCENT: '50',
    // No rollback, however slow the machine is.
    WAVEHALL_CUTOVER_BREACH_SECONDS: '0',
  };
  const files = { cert: join(folder, 'cert.pem'), key: join(folder, 'key.pem') };
  makeCertificate(files, 'localhost');
  // One after another: each start needs a core for itself.
  const first = await startServer({ ...shared, ...cutover });
  const second = await startServer(shared, ['--workers', '2']);
  const withTls = await startServer({
    ...shared,
    WAVEHALL_TLS_CERT: files.cert,
    WAVEHALL_TLS_KEY: files.key,
  });
  const servers = [first, second, withTls];
  const over = new AbortController();
  const load = (async () => {
    while (!over.signal.aborted) await Promise.all([visit(first), visit(second), sleep(500)]);
  })();
  return {
    targets: [first, second, { port: withTls.port, https: true }],
    async close() {
      over.abort();
      await load;
      await Promise.all(servers.map((server) => server.close()));
      await upstream.close();
      laravel.close();
      receiver.close();
      await redis.close();
    },
  };
}

/** One round of load. Faults of a round are ignored: the test sees what is missing in the metrics. */
async function visit(server: TestServer): Promise<void> {
  await Promise.allSettled([visitAsClient(server), questions(server), refusals(server)]);
}

async function visitAsClient(server: TestServer): Promise<void> {
  const wire = await Wire.open(server, PATH);
  const greeting = dataOf(await wire.next('pusher:connection_established')) as { socket_id: string };
  const socketId = greeting.socket_id;
  const app = appAt(server);
  const subscribe = (channel: string, data?: string): void => {
    const needsAuth = /^(private|presence)/.test(channel);
    const auth = needsAuth ? { auth: channelAuth(APP, socketId, channel, data) } : {};
    wire.send({ event: 'pusher:subscribe', data: { channel, ...auth, ...(data && { channel_data: data }) } });
  };
  for (const channel of CHANNELS) subscribe(channel);
  subscribe('presence-room', JSON.stringify({ user_id: '1' }));
  for (const channel of ['one-more', 'private-forged']) {
    const auth = `${APP.key}:${'0'.repeat(64)}`;
    wire.send({ event: 'pusher:subscribe', data: { channel, auth } });
  }
  await wire.settle();
  const { post } = publisher(app);
  const event = { name: 'news', channels: CHANNELS, data: '{}' };
  await post('/events', event);
  await post('/events', { ...event, socket_id: socketId });
  await post('/batch_events', { batch: [{ name: 'news', channel: 'room', data: '{}' }] });
  wire.send({ event: 'client-typing', channel: 'private-room', data: '{}' });
  await wire.settle();
  await wire.close();
}

/** Questions for Laravel: one that it allows, one that it refuses. */
async function questions(server: TestServer): Promise<void> {
  const ask = asker(server);
  await ask({ channel: 'private-of-ann', headers: bearer('ann') });
  await ask({ channel: 'private-of-ann', headers: bearer('bob') });
}

/** Requests and connects that are refused. */
async function refusals(server: TestServer): Promise<void> {
  const app = appAt(server);
  const limited = publisher({ ...app, ...LIMITED });
  await Promise.all([limited.get('/channels'), limited.get('/channels')]);
  await publisher(app).post('/events', { name: 'news', channel: 'room', data: '{}' }, { secret: 'wrong' });
  const wire = await Wire.open(server, '/app/unknown-key?protocol=7');
  await wire.closing();
}
