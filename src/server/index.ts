import type { AddressInfo } from 'node:net';
import { StaticApps } from '../apps/static.ts';
import type { Config } from '../config/index.ts';
import type { App } from '../core/app.ts';
import { SubscriptionCounter } from '../core/channels/subscription-counter.ts';
import { FanOut } from '../core/channels/fan-out.ts';
import { Gateway } from '../core/client/gateway.ts';
import { Hub } from '../core/channels/hub.ts';
import { Liveness, type LivenessLimits } from '../core/client/liveness.ts';
import { Outbound } from '../core/client/outbound.ts';
import type { Stores } from '../core/ports/cluster.ts';
import type { Logger } from '../core/ports/logger.ts';
import { Refusals } from '../core/refusals.ts';
import { SocketLimits } from '../core/client/socket-limits.ts';
import { Users } from '../core/users.ts';
import { registerHttp } from '../http/plugin.ts';
import { HeapGuard } from '../observability/heap.ts';
import { openAdmin } from './admin.ts';
import { openCutover, openFrontDoor } from './cutover.ts';
import { createHttp, largest, reloadTls } from './http.ts';
import { serverMetrics } from './metrics.ts';
import { readinessOf } from './readiness.ts';
import { OpenSockets } from './open-sockets.ts';
import { onTunnel, onWebSocketUpgrade } from './upgrades.ts';
import { Shutdown } from './shutdown.ts';
import type { WorkerGroup } from './worker-group.ts';
import { openStores } from '../stores/index.ts';
import { PeerReader } from '../transports/peer.ts';
import { readKeyPair } from '../transports/tls.ts';
import { WebSocketTransport } from '../transports/websocket.ts';

const TICK_MS = 1000;
const BACKLOG = 4096;

/** A running server. */
export interface Server {
  readonly port: number;
  readonly secure: boolean;
  /** Sockets that are established. */
  connections(): number;
  /** SPEC 2.13. Drains. Resolves when every connection has ended; a second call ends the drain at once. */
  stop(): Promise<void>;
  /** Reads the certificate again. */
  reloadTls(): void;
}

/**
 * Wires all components and starts to listen. Rejects when it cannot listen. `workers`: the workers that serve the same port
 * together with this process.
 */
export async function startServer(config: Config, logger: Logger, workers?: WorkerGroup): Promise<Server> {
  const keyPair = readKeyPair(config.tls);
  const shared = await openStores(config, logger);
  const cutover = await openCutover(config, shared, logger);
  const stores = cutover?.stores ?? shared;
  const core = assemble(config, stores, logger);
  const http = createHttp(config, keyPair, core.refusals);
  const openSockets = new OpenSockets(http.server, config.maxSockets, core.refusals);
  const drainMs = config.drainSeconds * 1000;
  const shutdown = new Shutdown({ drainMs, core, http, openSockets, stores: shared, cutover });
  const isReady = (): boolean => !shutdown.begun && !core.heap.isFull && stores.isReady();
  const sockets = transport(config, core);
  if (cutover === undefined) {
    onWebSocketUpgrade(http.server, (request, network, head) => sockets.upgrade(request, network, head));
    onTunnel(http.server);
  } else openFrontDoor(cutover, config, { ...core, http, transport: sockets, isReady });
  const metrics = [...serverMetrics(core.hub, isReady), ...core.refusals.metrics, ...stores.metrics];
  await openAdmin(http, config.adminToken, { cutover, metrics, workers });
  registerHttp(http, {
    ...core,
    api: { ...stores, ...core },
    logger,
    clock: Date.now,
    health: { isReady: readinessOf(isReady, workers), warnings: () => stores.warnings() },
    prefix: config.path,
    replays: config.replayProtection === 'strict' ? stores.replays : undefined,
    unusedAppsHint: config.unusedAppsHint,
    onAnswered: cutover && ((isOk) => cutover.health.api('wavehall', isOk)),
  });
  stores.control.onTerminate((app, user) => core.users.terminate(app, user));
  await stores.broker.start((ref, event) => {
    if (!core.users.handleEvent(ref, event)) core.hub.deliver(ref, event);
  });
  await workers?.waitUntilAllPrepared();
  await http.listen({ host: config.host, port: config.port, backlog: BACKLOG });
  core.start();
  const { port } = http.server.address() as AddressInfo;
  await cutover?.start(ownUrl(config, port, keyPair !== undefined));
  return {
    port,
    secure: keyPair !== undefined,
    connections: () => core.hub.size,
    stop: () => shutdown.stop(),
    reloadTls: () => reloadTls(config, http, logger),
  };
}

/** Where this process finds itself: the address that it listens on, or the loopback for all of them. */
function ownUrl({ host, path }: Config, port: number, secure: boolean): URL {
  const address = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host;
  const name = address.includes(':') ? `[${address}]` : address;
  return new URL(`${secure ? 'https' : 'http'}://${name}:${port}/${path}`);
}

/** The core over its stores, and the one clockwork that moves it. */
function assemble(config: Config, stores: Stores, logger: Logger) {
  const clock = Date.now;
  const refusals = new Refusals(logger, clock);
  const apps = new StaticApps(config.scaling ? config.apps : config.apps.map(withoutHistory));
  const buffers = { softBytes: config.softBufferBytes, hardBytes: config.maxBufferBytes };
  const outbound = new Outbound(buffers, refusals);
  const hub = new Hub({ ...stores, fanOut: new FanOut(outbound), logger });
  const users = new Users({ ...stores, hub, clock });
  const subscriptionCounter = new SubscriptionCounter({ ...stores, logger, clock });
  const liveness = new Liveness({ hub, clock, logger, limits: livenessLimits(config), outbound, refusals });
  const limits = {
    connections: config.maxConnections,
    connectionsPerAddress: config.maxConnectionsPerAddress,
    delayedRefusals: config.maxDelayedRefusals,
    refusalDelayMs: config.refusalDelayMs,
  };
  const sockets = new SocketLimits(limits, hub);
  const { errorDataAsString, unusedAppsHint } = config;
  const needs = { apps, hub, users, subscriptionCounter, logger, clock, limits, outbound, refusals, sockets };
  const gateway = new Gateway({ ...stores, ...needs, errorDataAsString, unusedAppsHint });
  const heap = new HeapGuard(config.maxHeapPercent, logger);
  let ticker: NodeJS.Timeout | undefined;
  const tick = (): void => {
    heap.tick();
    liveness.sweep();
    users.tick();
    subscriptionCounter.tick();
    refusals.tick();
  };
  return {
    apps,
    hub,
    users,
    gateway,
    heap,
    refusals,
    sockets,
    start: () => void (ticker = setInterval(tick, TICK_MS)),
    stop: () => clearInterval(ticker),
  };
}

/** The only node is never behind: it needs to remember nothing but what greets new subscribers. */
const withoutHistory = (app: App): App => ({ ...app, historySize: 0, historyRules: [] });

const livenessLimits = (config: Config): LivenessLimits => ({
  pongTimeoutMs: config.pongTimeoutSeconds * 1000,
  stallMs: config.stallSeconds * 1000,
  bufferedTotalBytes: config.maxBufferTotalBytes,
});

/** A twentieth of the connections that there may be; 0: their number is not known. */
const lingeringFor = (connections: number): number =>
  connections === 0 ? 1000 : Math.max(8, Math.floor(connections / 20));

function transport(
  config: Config,
  { gateway, heap, refusals }: ReturnType<typeof assemble>,
): WebSocketTransport {
  return new WebSocketTransport({
    gateway,
    acceptsConnections: () => !heap.isFull,
    peers: new PeerReader(config.trustedProxies),
    prefix: config.path,
    messageBytes: largest(config, 'messageBytes'),
    fragmentsPerMessage: largest(config, 'fragmentsPerMessage'),
    refusals,
    maxLingering: config.maxLingering || lingeringFor(config.maxConnections),
    lingerMs: config.lingerSeconds * 1000,
  });
}
