import type { IncomingMessage } from 'node:http';
import type { FastifyInstance } from 'fastify';
import type { Config } from '../config/index.ts';
import type { Hub } from '../core/channels/hub.ts';
import type { Stores } from '../core/ports/stores.ts';
import type { Logger } from '../core/ports/logger.ts';
import type { Gateway } from '../core/ports/transport.ts';
import type { Refusals } from '../core/refusals/refusals.ts';
import { pathOf } from '../core/util/http-text.ts';
import type { SocketLimits } from '../core/client/socket-limits.ts';
import type { FrontDoor } from '../cutover/split/front-door.ts';
import { isLoop, LOOP_STATUS } from '../cutover/proxy/forwarded.ts';
import { mayProxy, proxyRequest } from '../cutover/proxy/http-proxy.ts';
import { Cutover } from '../cutover/plugin.ts';
import { PeerReader } from '../transports/peer.ts';
import { appKeyIn } from '../transports/client-path.ts';
import type { WebSocketTransport } from '../transports/websocket.ts';
import { onTunnel, onWebSocketUpgrade } from './entrances/upgrades.ts';

/** Opens the cutover with its last percentage; `undefined` when no upstream is configured. */
export async function openCutover(
  config: Config,
  stores: Stores,
  logger: Logger,
): Promise<Cutover | undefined> {
  const { cutover: options, apps, path: prefix, drainSeconds, adminToken } = config;
  if (options === undefined) return undefined;
  const moveMs = drainSeconds * 1000;
  const cutover = new Cutover({
    options,
    apps,
    prefix,
    stores,
    logger,
    clock: Date.now,
    moveMs,
    adminToken,
  });
  await cutover.load();
  return cutover;
}

export interface Backend {
  /** Serves clients. */
  readonly http: FastifyInstance;
  /** All HTTP servers that take requests of clients and publishers. */
  readonly forRequests: readonly FastifyInstance[];
  readonly transport: WebSocketTransport;
  readonly gateway: Gateway;
  readonly hub: Hub;
  /** False: new clients go to the upstream. */
  readonly canServe: () => boolean;
  /** Closing: no client is sent to the upstream through this process any more. */
  readonly shutdown: { readonly isClosing: boolean };
  readonly sockets: SocketLimits;
  readonly refusals: Refusals;
  readonly heap: { readonly isFull: boolean };
}

/** Puts the front door before all requests and upgrades (SPEC 11.1, 11.2). Called before routes are registered. */
export function openFrontDoor(cutover: Cutover, config: Config, backend: Backend): void {
  const { http, forRequests, transport, gateway, hub, heap, sockets, refusals } = backend;
  const peers = new PeerReader(config.trustedProxies);
  const apps = new Map(config.apps.flatMap((app) => app.credentials.map(({ key }) => [key, app] as const)));
  const clientInfo = (request: IncomingMessage) => {
    const { remoteAddress: address, secure } = peers.read(request);
    return { address, secure, viaProxy: peers.isProxy(request) };
  };
  const frontDoor = cutover.openFrontDoor(
    {
      isReady: backend.canServe,
      acceptsConnections: () => !heap.isFull,
      gateway,
      clientInfo,
      appKey: ({ url }) => appKeyIn(pathOf(url), config.path),
      app: (appKey) => apps.get(appKey),
      transport,
      sockets,
      quota: cutover.stores.quota,
      refusals,
      stallMs: config.stallSeconds * 1000,
      lingerMs: config.lingerSeconds * 1000,
    },
    () => hub.connections(),
  );
  onWebSocketUpgrade(http.server, (request, network, head) =>
    (backend.shutdown.isClosing ? transport : frontDoor).upgrade(request, network, head),
  );
  onTunnel(http.server, (request, network) => frontDoor.connect(request, network));
  for (const each of forRequests) {
    refuseLoops(each, frontDoor);
    refuseTooLarge(each, cutover, config.cutover?.requestBytes ?? 0, refusals);
    if (config.cutover?.proxyHttp === true) proxyUnserved(each, frontDoor, clientInfo, refusals);
  }
}

/** Refuses a request that has passed this front door before: the address of the upstream leads back to this server. */
function refuseLoops(http: FastifyInstance, { route }: FrontDoor): void {
  http.addHook('onRequest', (request, reply, done) => {
    if (!isLoop(request.raw, route)) return done();
    void reply.code(LOOP_STATUS).send('WAVEHALL_CUTOVER_UPSTREAM is this server itself.');
  });
}

const PUBLISHES = /\/apps\/:appId\/(batch_)?events$/;
/** Size of the head of a request that the bridge sends. */
const BRIDGE_HEAD_BYTES = 400;

/**
 * While browsers are at the upstream, refuses a publish that is too large for it, with its own answer (SPEC 11.7). Reverb
 * checks the size of head and body together, before anything else.
 */
function refuseTooLarge(http: FastifyInstance, cutover: Cutover, most: number, refusals: Refusals): void {
  if (most === 0) return;
  http.addHook('preHandler', (request, reply, done) => {
    if (!PUBLISHES.test(request.routeOptions.url ?? '') || !cutover.hasUpstreamBrowsers) return done();
    const body = Buffer.isBuffer(request.body) ? request.body.length : 0;
    const bytes = Math.max(headBytes(request.raw), BRIDGE_HEAD_BYTES) + body;
    if (bytes <= most) return done();
    refusals.count('cutover_size', {
      bytes,
      expected: most,
      path: pathOf(request.raw.url),
    });
    void reply.code(413).type('text/plain; charset=utf-8').send('Payload too large.');
  });
}

/** Bytes of a request's head as it was received. */
function headBytes({ method = '', url = '', rawHeaders }: IncomingMessage): number {
  const lines = rawHeaders.reduce((sum, text) => sum + text.length + 2, 0);
  return `${method} ${url} HTTP/1.1\r\n`.length + lines + 2;
}

/** Proxies a request that no route serves to the upstream, unless its path is the operator's (SPEC 11.2). */
function proxyUnserved(
  http: FastifyInstance,
  { route }: FrontDoor,
  clientInfo: (request: IncomingMessage) => Parameters<typeof proxyRequest>[2],
  refusals: Refusals,
): void {
  http.addHook('onRequest', (request, reply, done) => {
    const { raw } = request;
    if (!request.is404) return done();
    if (!mayProxy(raw, route)) {
      refusals.count('cutover_request', { address: clientInfo(raw).address, method: raw.method ?? '' });
      return done();
    }
    reply.hijack();
    proxyRequest(raw, reply.raw, clientInfo(raw), route);
  });
}
