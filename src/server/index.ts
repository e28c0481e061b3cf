import { drainTimes } from '../config/clients/drain.ts';
import type { Config } from '../config/index.ts';
import type { Apps } from '../core/ports/apps.ts';
import type { Stores } from '../core/ports/stores.ts';
import type { Auth } from '../auth/index.ts';
import type { Logger } from '../core/ports/logger.ts';
import type { Metrics } from '../observability/metrics.ts';
import { RequestCounts } from '../http/request-counts.ts';
import { consoleSource } from './access/console.ts';
import { forgettingCommands } from './access/forgetting.ts';
import { openTokenAccess, type TokenAccess } from './access/tokens.ts';
import { openAdmin, openServedMetrics } from './admin.ts';
import { assembleCore, type ServerCore } from './core.ts';
import { authControl, openAuthGateway } from './access/gateway.ts';
import { cutoverSection } from '../cutover/status/section.ts';
import { openCutover, openFrontDoor } from './cutover.ts';
import { Certificate } from './entrances/certificate.ts';
import { type Entrances, openEntrances } from './entrances/entrances.ts';
import type { Gift } from './handover/peer.ts';
import { giftOf, listenInTurn } from './handover/ports.ts';
import { TraceSource } from './live/trace-source.ts';
import { LoadReport } from './health/load-report.ts';
import { probeContext } from './health/self-check.ts';
import { maxLingering } from './entrances/http.ts';
import { unavailability } from './entrances/unavailability.ts';
import { openHttpFallback } from './http-fallback.ts';
import type { InspectionDeps } from './live/inspection.ts';
import { withSharedQuestions } from './live/shared-questions.ts';
import { nodeMetrics } from './metrics.ts';
import { registerRoutes, type RouteParts } from './routes.ts';
import { nodeStatus } from './status/status.ts';
import { onTunnel, onWebSocketUpgrade } from './entrances/upgrades.ts';
import { appsControl } from './apps/control.ts';
import { appsStatus, type OpenApps, openApps } from './apps/open-apps.ts';
import { startWebhooks, webhookControl, webhookFileIn, wishesIn } from './apps/webhooks.ts';
import { Shutdown } from './shutdown/shutdown.ts';
import type { Processes } from './handover/processes.ts';
import { openStores, type StoresOptions } from '../stores/index.ts';
import { PeerReader } from '../transports/peer.ts';
import { WebSocketTransport } from '../transports/websocket.ts';
import type { Webhooks } from '../webhooks/index.ts';

/** A running server. */
export interface Server {
  /** The port of WebSocket clients. */
  readonly port: number;
  readonly secure: boolean;
  /** The port of the HTTP API, if it is another one. */
  readonly apiPort: number | undefined;
  readonly metricsPort: number | undefined;
  /** Sockets that are established. */
  connections(): number;
  /**
   * SPEC 2.13. Drains. Resolves when every connection has ended; a second call ends the drain at once. `isReplaced`: other
   * processes serve the ports already.
   */
  stop(how?: { readonly isReplaced: boolean }): Promise<void>;
  /** Reads the certificate again. */
  reloadTls(): void;
  /** The ports and the state of this server, for the process that replaces it. */
  gift(): Gift;
}

/** Parts of a server that its ports need. */
interface ServerParts extends Omit<RouteParts, 'requests' | 'entrances'> {
  readonly certificate: Certificate;
  readonly appsWatch: OpenApps['watch'];
  readonly webhooks: Webhooks | undefined;
  readonly trace: TraceSource;
  readonly tokenAccess: TokenAccess;
  readonly processes: Processes | undefined;
  readonly entrances: Entrances;
  readonly core: ServerCore;
  /** False when this process stops. */
  readonly isOpen: () => boolean;
  /** As `isReady`, but for the shutdown: new clients are admitted until its delay has passed. */
  readonly canServe: () => boolean;
  readonly shutdown: Shutdown;
}

/**
 * Wires all components and starts to listen, at the ports of the process that it replaces if it does. Rejects when it cannot
 * listen.
 */
export async function startServer(config: Config, logger: Logger, processes?: Processes): Promise<Server> {
  const workers = processes?.workers;
  const certificate = new Certificate(config.tls);
  const { apps, watch: appsWatch } = await openApps(config, logger);
  const ownStores = withSharedQuestions(await openStores(storesOptions(config, apps), logger));
  appsWatch?.beforeUse((all) => ownStores.prepareApps?.(all) ?? Promise.resolve());
  const cutover = await openCutover(config, ownStores, logger);
  const stores = cutover?.stores ?? ownStores;
  const tokenAccess = await openTokenAccess(config, apps, logger);
  const core = assembleCore(config, apps, stores, logger, tokenAccess.tokens);
  const trace = new TraceSource({ ...core, workers, nodeQuestions: ownStores.nodeQuestions });
  const webhooks = await startWebhooks(config, apps, stores.outbox, { logger, live: core.traffic.live });
  const entrances = openEntrances(config, certificate.keyPair, core.refusals);
  const loadReport = openLoadReport(ownStores, core);
  const shutdown = openShutdown(config, {
    ...{ core, entrances, stores: ownStores, cutover, webhooks, loadReport, appsWatch, logger },
  });
  const canServe = (): boolean => apps.isKnown && !core.heap.isFull && stores.isReady();
  const isOpen = (): boolean => !shutdown.begun;
  const isReady = (): boolean => isOpen() && canServe();
  const parts = {
    config,
    logger,
    workers,
    processes,
    stores,
    cutover,
    core,
    appsWatch,
    ...{ webhooks, trace },
    tokenAccess,
    certificate,
    entrances,
    isReady,
    isOpen,
    canServe,
    shutdown,
  };
  acceptUpgrades(parts);
  const requests = new RequestCounts(config.path);
  const auth = await openAuthGateway(entrances.main.http, parts);
  registerRoutes({ ...parts, requests }, await openOperatorRoutes({ ...parts, auth }, requests));
  openHttpFallback(entrances.main.http, parts);
  await receiveFromCluster(stores, core);
  await listenInTurn(entrances.all, ownStores.handover, await processes?.waitUntilMayListen());
  core.start();
  loadReport?.start();
  const { main, api, metrics } = entrances;
  await cutover?.start(main.url(config.path), api.url(config.path));
  return {
    port: main.port ?? 0,
    secure: certificate.keyPair !== undefined,
    apiPort: api === main ? undefined : api.port,
    metricsPort: metrics?.port,
    connections: () => core.hub.size,
    stop: (how) => shutdown.stop(how),
    gift: () => giftOf(entrances.all, ownStores.handover, webhooks, core.tabs),
    reloadTls: () => certificate.reload(httpServersOf(entrances), logger),
  };
}

const storesOptions = (config: Config, apps: Apps): StoresOptions => ({
  ...{ ...config, liveApps: apps },
  ...{ webhooks: wishesIn(config, apps), webhookFile: webhookFileIn(config) },
  idempotency: { keys: config.idempotencyKeys, answerBytes: config.idempotencyAnswerBytes },
});

const httpServersOf = ({ all }: Entrances) => all.map(({ http }) => http);

/** Reports the load of this node to the others, if there may be others. */
const openLoadReport = ({ clusterLoad }: Stores, { refusals, heap }: ServerCore): LoadReport | undefined =>
  clusterLoad && new LoadReport({ clusterLoad, refusals, heap });

type ShutdownParts = Pick<
  ServerParts,
  'core' | 'entrances' | 'stores' | 'cutover' | 'webhooks' | 'appsWatch' | 'logger'
> & {
  readonly loadReport: LoadReport | undefined;
};

function openShutdown(config: Config, { entrances, ...parts }: ShutdownParts): Shutdown {
  return new Shutdown({
    ...parts,
    times: drainTimes(config),
    http: httpServersOf(entrances),
    openSockets: entrances.all.map(({ openSockets }) => openSockets),
    beforeClose: (connection) => parts.core.tabs.settle(connection),
  });
}

/** Serves WebSocket clients at the main port, through the front door of a cutover if there is one. */
function acceptUpgrades({ config, cutover, core, entrances, canServe, shutdown }: ServerParts): void {
  const transport = openTransport(config, core, shutdown);
  const { main, api, all } = entrances;
  for (const { http } of all.filter((each) => each !== main)) {
    onWebSocketUpgrade(http.server, (request, network) => transport.refuseUpgrade(request, network));
    onTunnel(http.server);
  }
  const { http } = main;
  const forRequests = api === main ? [http] : [http, api.http];
  if (cutover !== undefined)
    return openFrontDoor(cutover, config, { ...core, http, forRequests, transport, canServe, shutdown });
  const contextOf = probeContext(core.apps, config.path, core.gateway);
  onWebSocketUpgrade(http.server, (request, network, head) =>
    transport.upgrade(request, network, head, contextOf(request)),
  );
  onTunnel(http.server);
}

/** Opens the metrics, and the admin API at the port of the HTTP API. */
async function openOperatorRoutes(
  parts: ServerParts & { readonly auth: Auth | undefined },
  requests: RequestCounts,
): Promise<Metrics | undefined> {
  const { config, workers, processes, stores, cutover, core, webhooks, auth, entrances, isReady, isOpen } =
    parts;
  const others = [parts.tokenAccess, webhooks, auth].flatMap((each) => each?.metrics ?? []);
  const own = [...nodeMetrics({ ...parts, requests }), ...others];
  const metrics = await openServedMetrics(config, own, { cutover, workers });
  const { apps } = core;
  const status = [
    nodeStatus({ hub: core.hub, stores, isReady, apps }),
    core.refusals.status,
    ...stores.status,
  ];
  if (parts.appsWatch !== undefined) status.push(appsStatus(parts.appsWatch));
  if (webhooks !== undefined) status.push(webhooks.status);
  if (cutover !== undefined) status.push(cutoverSection(cutover));
  await openAdmin(entrances.api.http, config.adminToken, {
    ...{ cutover, metrics, status, apps, workers, processes },
    appsControl: parts.appsWatch && appsControl(parts.appsWatch, parts.logger),
    webhooks: webhooks && stores.outbox && webhookControl(webhooks, stores.outbox),
    auth: authControl(auth, workers),
    examine: processes && ((what) => processes.runCommand(what, listenSettings(config, entrances))),
    traffic: core.traffic,
    inspection: inspectionDeps(parts),
    console: consoleSource(config, core.refusals, parts.logger),
    trace: parts.trace,
    isOpen,
  });
  return metrics;
}

/** Needs of those who look into channels and connections. */
const inspectionDeps = ({ config, core, stores }: ServerParts): InspectionDeps => ({
  ...{ ...core, stores },
  nodeCommands: config.auth ? forgettingCommands(stores) : stores.nodeCommands,
  buffers: { softBytes: config.softBufferBytes, hardBytes: config.maxBufferBytes },
  nodeQuestions: stores.nodeQuestions,
});

/** Settings of the main port, which may have been chosen by the system. */
const listenSettings = ({ host, port, path }: Config, { main }: Entrances) => ({
  host,
  path,
  port: main.port ?? port,
});

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

function openTransport(config: Config, core: ServerCore, shutdown: Shutdown): WebSocketTransport {
  const { gateway, refusals } = core;
  return new WebSocketTransport({
    gateway,
    unavailableFor: unavailability(config, core, shutdown),
    peers: new PeerReader(config.trustedProxies),
    prefix: config.path,
    messageBytes: config.largest.messageBytes,
    fragmentsPerMessage: config.largest.fragmentsPerMessage,
    refusals,
    maxLingering: maxLingering(config),
    lingerMs: config.lingerSeconds * 1000,
  });
}
