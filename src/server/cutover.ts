import type { IncomingMessage } from 'node:http';
import type { FastifyInstance } from 'fastify';
import type { Config } from '../config.ts';
import type { Hub } from '../core/hub.ts';
import type { Gateway, Journal, Stores } from '../core/ports.ts';
import type { Door } from '../cutover/door.ts';
import { isOurOwn, LOOP_STATUS, ownPath } from '../cutover/forwarded.ts';
import { passRequest } from '../cutover/pass.ts';
import { Cutover } from '../cutover/plugin.ts';
import { PeerReader } from '../transports/peer.ts';
import { appKeyIn, type WebSocketTransport } from '../transports/websocket.ts';

/** Reads what was set before; `undefined` where there is no other server. */
export async function openCutover(
  config: Config,
  stores: Stores,
  journal: Journal,
): Promise<Cutover | undefined> {
  const { cutover: options, apps, path: prefix, drainSeconds } = config;
  if (options === undefined) return undefined;
  const moveMs = drainSeconds * 1000;
  const cutover = new Cutover({ options, apps, prefix, stores, journal, clock: Date.now, moveMs });
  await cutover.load();
  return cutover;
}

export interface Behind {
  readonly http: FastifyInstance;
  readonly transport: WebSocketTransport;
  readonly gateway: Gateway;
  readonly hub: Hub;
  readonly isReady: () => boolean;
  readonly heap: { readonly isFull: boolean };
}

/** Puts the front door before everything that comes in (SPEC 11.1, 11.2). Before routes are registered. */
export function openDoor(cutover: Cutover, config: Config, behind: Behind): void {
  const { http, transport, gateway, hub, heap, isReady } = behind;
  const peers = new PeerReader(config.trustedProxies);
  const credentials = new Map(
    config.apps.flatMap((app) => app.credentials.map(({ key }) => [key, app.credentials] as const)),
  );
  const visitor = (request: IncomingMessage) => {
    const { remoteAddress: address, secure } = peers.read(request);
    return { address, secure, viaProxy: peers.isProxy(request) };
  };
  const door = cutover.openDoor(
    {
      isReady,
      hasRoom: () => !heap.isFull,
      gateway,
      visitor,
      credentialsFor: ({ url = '' }) =>
        credentials.get(appKeyIn(url.split('?', 1)[0] ?? '', config.path) ?? ''),
      upgrade: (...upgrade) => transport.upgrade(...upgrade),
    },
    () => hub.connections(),
  );
  http.server.on('upgrade', (request, network, head) => door.upgrade(request, network, head));
  refuseLoops(http, door);
  if (config.cutover?.pass === true) passOthers(http, door, visitor);
}

/** What came through this door and comes again has found no other side. */
function refuseLoops(http: FastifyInstance, { route }: Door): void {
  http.addHook('onRequest', (request, reply, done) => {
    if (!isOurOwn(request.raw, route)) return done();
    void reply.code(LOOP_STATUS).send('WAVEHALL_CUTOVER_UPSTREAM is this server itself.');
  });
}

const OURS = /^\/(admin|apps?)(\/|\?|$)/;

/** What nobody here answers is the other side's; the admin API is nobody else's even when it is off. */
function passOthers(
  http: FastifyInstance,
  { route }: Door,
  visitor: (request: IncomingMessage) => Parameters<typeof passRequest>[2],
): void {
  http.addHook('onRequest', (request, reply, done) => {
    const { raw } = request;
    if (!request.is404 || OURS.test(ownPath(raw.url ?? '/', route.prefix))) return done();
    reply.hijack();
    passRequest(raw, reply.raw, visitor(raw), route);
  });
}
