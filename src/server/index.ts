import type { AddressInfo } from 'node:net';
import type { FastifyInstance } from 'fastify';
import type { Config } from '../config/index.ts';
import type { Stores } from '../core/ports/stores.ts';
import type { Logger } from '../core/ports/logger.ts';
import type { Cutover } from '../cutover/plugin.ts';
import { registerHttp } from '../http/plugin.ts';
import { RequestCounts } from '../http/request-counts.ts';
import { openAdmin } from './admin.ts';
import { assembleCore, type ServerCore } from './core.ts';
import { openCutover, openFrontDoor } from './cutover.ts';
import { createHttp, largest, reloadTls } from './http.ts';
import { nodeMetrics } from './metrics.ts';
import { readinessOf } from './readiness.ts';
import { OpenSockets } from './open-sockets.ts';
import { onTunnel, onWebSocketUpgrade } from './upgrades.ts';
import { Shutdown } from './shutdown.ts';
import type { WorkerGroup } from './worker-group.ts';
import { openStores } from '../stores/index.ts';
import { PeerReader } from '../transports/peer.ts';
import { readKeyPair } from '../transports/tls.ts';
import { WebSocketTransport } from '../transports/websocket.ts';

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

/** Parts of a server that its entrances need. */
interface ServerParts {
  readonly config: Config;
  readonly logger: Logger;
  readonly workers: WorkerGroup | undefined;
  readonly stores: Stores;
  readonly cutover: Cutover | undefined;
  readonly core: ServerCore;
  readonly http: FastifyInstance;
  readonly isReady: () => boolean;
}

/**
 * Wires all components and starts to listen. Rejects when it cannot listen. `workers`: the workers that serve the same port
 * together with this process.
 */
export async function startServer(config: Config, logger: Logger, workers?: WorkerGroup): Promise<Server> {
  const keyPair = readKeyPair(config.tls);
  const ownStores = await openStores(config, logger);
  const cutover = await openCutover(config, ownStores, logger);
  const stores = cutover?.stores ?? ownStores;
  const core = assembleCore(config, stores, logger);
  const http = createHttp(config, keyPair, core.refusals);
  const openSockets = new OpenSockets(http.server, config.maxSockets, core.refusals);
  const drainMs = config.drainSeconds * 1000;
  const shutdown = new Shutdown({ drainMs, core, http, openSockets, stores: ownStores, cutover });
  const isReady = (): boolean => !shutdown.begun && !core.heap.isFull && stores.isReady();
  const parts = { config, logger, workers, stores, cutover, core, http, isReady };
  acceptUpgrades(parts);
  await registerRoutes(parts);
  await receiveFromCluster(stores, core);
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

function acceptUpgrades({ config, cutover, core, http, isReady }: ServerParts): void {
  const transport = openTransport(config, core);
  if (cutover !== undefined) return openFrontDoor(cutover, config, { ...core, http, transport, isReady });
  onWebSocketUpgrade(http.server, (request, network, head) => transport.upgrade(request, network, head));
  onTunnel(http.server);
}

async function registerRoutes(parts: ServerParts): Promise<void> {
  const { config, logger, workers, stores, cutover, core, http, isReady } = parts;
  const requests = new RequestCounts(config.path);
  const metrics = nodeMetrics({ config, core, stores, requests, isReady });
  await openAdmin(http, config.adminToken, { cutover, metrics, workers });
  registerHttp(http, {
    ...core,
    api: { ...stores, ...core },
    requests,
    logger,
    clock: Date.now,
    health: { isReady: readinessOf(isReady, workers), warnings: () => stores.warnings() },
    prefix: config.path,
    replayGuard: config.replayProtection === 'strict' ? stores.replayGuard : undefined,
    unusedAppsHint: config.unusedAppsHint,
    onAnswered: cutover && ((isOk) => cutover.health.api('wavehall', isOk)),
  });
}

async function receiveFromCluster(
  { nodeCommands, broker }: Stores,
  { hub, users, traffic }: ServerCore,
): Promise<void> {
  nodeCommands.onTerminate((app, user) => users.terminate(app, user));
  await broker.start(
    (ref, event) => {
      if (!users.handleEvent(ref, event)) hub.deliver(ref, event);
    },
    ({ app }, events) => traffic.of(app).published.add('replayed', events),
  );
}

/** URL at which this process reaches itself: the address that it listens on, or the loopback if it listens on all. */
function ownUrl({ host, path }: Config, port: number, secure: boolean): URL {
  const address = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host;
  const name = address.includes(':') ? `[${address}]` : address;
  return new URL(`${secure ? 'https' : 'http'}://${name}:${port}/${path}`);
}

/** Default of WAVEHALL_MAX_LINGERING: 5 % of the connections that are allowed; 0: that number is not known. */
const lingeringFor = (connections: number): number =>
  connections === 0 ? 1000 : Math.max(8, Math.floor(connections / 20));

function openTransport(config: Config, { gateway, heap, refusals }: ServerCore): WebSocketTransport {
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
