/** A server with the traffic of a shop, for the screenshots of the console. */
import { TOKEN } from '../../cli/operated-server.ts';
import { startServer, type TestServer } from '../../support/server.ts';
import { channelAuth, type Endpoint, http, signedPath } from '../../support/wire-http.ts';
import { dataOf, Wire } from '../../support/wire.ts';

const APPS = [
  { id: 'shop', key: 'shop-key', secret: 'shop-secret' },
  { id: 'support', key: 'support-key', secret: 'support-secret' },
];
/** Headers of requests of Laravel. */
const HEADERS = { 'content-type': 'application/json', 'x-pusher-library': 'pusher-http-php 7.2.7' };
const EVERY_MS = 120;
const CLIENTS = 24;
const WAIT_MS = 30_000;

export interface Shop {
  readonly server: TestServer;
  /** Publishes to a channel to which nobody listens, though some listen to one like it. */
  publishAside(): Promise<void>;
  close(): Promise<void>;
}

/** Starts the server, connects clients of two apps, and publishes until it is closed. */
export async function startShop(): Promise<Shop> {
  const server = await startServer({
    WAVEHALL_APPS: JSON.stringify(APPS.map(({ id, ...each }) => ({ app_id: id, ...each }))),
    WAVEHALL_ADMIN_TOKEN: TOKEN,
    WAVEHALL_TRUSTED_PROXIES: '127.0.0.1',
    WAVEHALL_CLIENT_EVENTS: 'members',
    WAVEHALL_DRAIN_SECONDS: '0',
  });
  const apps = APPS.map((app) => ({ ...app, host: server.host, port: server.port, prefix: '' }));
  const wires: Wire[] = [];
  for (let client = 0; client < CLIENTS; client += 1)
    wires.push(await connect(apps[client % 4 === 3 ? 1 : 0] as Endpoint, client));
  const traffic = makeTraffic(apps, wires);
  return {
    server,
    publishAside: () =>
      publish(apps[0] as Endpoint, 'private-orders', 'App\\Events\\OrderShipped', { id: 7, total: 4242 }),
    async close() {
      clearInterval(traffic);
      for (const wire of wires) wire.drop();
      await server.close();
    },
  };
}

async function connect(app: Endpoint, client: number): Promise<Wire> {
  const headers = { 'x-forwarded-for': `203.0.113.${10 + client}` };
  const wire = await Wire.open(app, `/app/${app.key}?protocol=7&client=js&version=8.6.0`, { headers });
  const { socket_id: id } = dataOf(await wire.next('pusher:connection_established', WAIT_MS)) as {
    socket_id: string;
  };
  wire.socketId = id;
  const channels =
    app.id === 'shop' ? ['stock', `private-orders.${client % 5}`, 'presence-checkout'] : ['private-tickets'];
  for (const channel of channels) await subscribe(app, wire, channel, client);
  return wire;
}

async function subscribe(app: Endpoint, wire: Wire, channel: string, client: number): Promise<void> {
  const data = channel.startsWith('presence-')
    ? JSON.stringify({ user_id: String(100 + client) })
    : undefined;
  const auth = channelAuth(app, wire.socketId, channel, data);
  wire.send({
    event: 'pusher:subscribe',
    data: {
      channel,
      ...(channel !== 'stock' && { auth }),
      ...(data !== undefined && { channel_data: data }),
    },
  });
  await wire.next('pusher_internal:subscription_succeeded', WAIT_MS);
}

async function publish(app: Endpoint, channel: string, name: string, data: object): Promise<void> {
  const body = JSON.stringify({ name, channel, data: JSON.stringify(data) });
  const path = signedPath(app, 'POST', `/apps/${app.id}/events`, [], body);
  const headers = { ...HEADERS, 'x-forwarded-for': '10.0.0.5' };
  const { status, text } = await http(app, { method: 'POST', path, headers, body });
  if (status !== 200) throw new Error(`published with ${status}: ${text}`);
}

/** Events of both apps in turn, client events, and clients that come and go. */
function makeTraffic(apps: readonly Endpoint[], wires: Wire[]): NodeJS.Timeout {
  const [shop, support] = apps as [Endpoint, Endpoint];
  let turn = 0;
  const step = async (): Promise<void> => {
    turn += 1;
    await publish(shop, 'stock', 'App\\Events\\StockChanged', { sku: turn % 90, left: turn % 7 });
    if (turn % 2 === 0)
      await publish(shop, `private-orders.${turn % 5}`, 'App\\Events\\OrderPaid', { id: turn });
    if (turn % 3 === 0) await publish(support, 'private-tickets', 'App\\Events\\TicketReplied', { id: turn });
    if (turn % 4 === 0)
      wires[0]?.send({ event: 'client-typing', channel: 'presence-checkout', data: '{"user":100}' });
    if (turn % 12 === 0) {
      const leaving = wires.at(-2);
      wires.splice(-2, 1, await connect(shop, turn % 100));
      leaving?.drop();
    }
    if (turn % 25 === 0) (await Wire.open(shop, '/app/an-old-key?protocol=7')).drop();
  };
  // A step that ends with its server is none that failed.
  return setInterval(() => void step().catch(() => undefined), EVERY_MS);
}
