import type { FastifyInstance, FastifyRequest } from 'fastify';
import { isBearer } from '../admin/bearer.ts';
import type { Config } from '../config/index.ts';
import { LISTEN_SETTINGS } from '../config/listen.ts';
import type { Traffic } from '../core/traffic/traffic.ts';
import type { Hub } from '../core/channels/hub.ts';
import type { SocketLimits } from '../core/client/socket-limits.ts';
import type { Apps } from '../core/ports/apps.ts';
import type { Logger } from '../core/ports/logger.ts';
import type { Stores } from '../core/ports/stores.ts';
import { reusing } from '../core/util/reuse.ts';
import type { Cutover } from '../cutover/plugin.ts';
import type { DetailsAccess } from '../http/health.ts';
import type { MemoryUsage, ServedMetrics } from '../http/metrics.ts';
import { type HttpOptions, registerHttp } from '../http/plugin.ts';
import type { RequestCounts } from '../http/request-counts.ts';
import type { Metrics } from '../observability/metrics.ts';
import { PeerReader } from '../transports/peer.ts';
import { forgettingCommands } from './access/forgetting.ts';
import { openHealthChecks } from './health/checks.ts';
import type { WorkerGroup } from './worker-group.ts';

/** The metrics port asks for no token: one answer serves all scrapes of this time. */
const METRICS_REUSE_MS = 200;

/** One port, as its routes need it. */
interface Entrance {
  readonly http: FastifyInstance;
  readonly serves: NonNullable<HttpOptions['serves']> & { readonly metrics: boolean };
  url(prefix: string): URL | undefined;
}

/** Parts of a server that its entrances need. */
export interface RouteParts {
  readonly config: Config;
  readonly logger: Logger;
  readonly workers: WorkerGroup | undefined;
  readonly stores: Stores;
  readonly cutover: Cutover | undefined;
  readonly core: Pick<HttpOptions, 'refusals' | 'trace'> & {
    readonly apps: Apps;
    readonly traffic: Traffic;
    readonly hub: Hub;
    readonly sockets: SocketLimits;
  };
  readonly entrances: { readonly main: Entrance; readonly all: readonly Entrance[] };
  readonly requests: RequestCounts;
  readonly isReady: () => boolean;
}

/** Registers the routes of every port but those of the admin API (SPEC 8.13). */
export function registerRoutes(parts: RouteParts, metrics: Metrics | undefined): void {
  const { config, workers, stores, core, entrances, isReady } = parts;
  const ownUrl = (): URL | undefined => entrances.main.url(config.path);
  const health = openHealthChecks({ core, stores, workers, isReady, ownUrl });
  for (const entrance of entrances.all)
    registerHttp(entrance.http, {
      ...httpOptions(parts),
      ...optionsOf(entrance, config, { health, metrics }),
    });
}

/** Options that all ports share. */
function httpOptions({ config, logger, stores, cutover, core, requests }: RouteParts) {
  const { addressOf } = new PeerReader(config.trustedProxies);
  return {
    ...core,
    requests,
    api: {
      ...{ ...stores, ...core, idempotency: config },
      nodeCommands: config.auth ? forgettingCommands(stores) : stores.nodeCommands,
    },
    logger,
    clock: Date.now,
    addressOf,
    requestRate: stores.requestRate,
    replayGuard: config.replayProtection === 'strict' ? stores.replayGuard : undefined,
    unusedAppsHint: config.unusedAppsHint,
    onAnswered: cutover && ((isOk: boolean) => cutover.health.api('wavehall', isOk)),
  };
}

/** Options of one port. The metrics port has no path prefix: no proxy with one stands in front of it. */
function optionsOf(
  entrance: Entrance,
  config: Config,
  {
    health,
    metrics,
  }: { readonly health: ReturnType<typeof openHealthChecks>; readonly metrics: Metrics | undefined },
): Pick<HttpOptions, 'serves' | 'prefix' | 'health' | 'metrics' | 'notFoundHint'> {
  const { serves } = entrance;
  return {
    serves,
    prefix: serves.metrics ? '' : config.path,
    health: { ...health, detailsAccess: serves.metrics ? () => 'allowed' : accessWith(config.adminToken) },
    metrics: serves.metrics ? metrics && servedMetrics(metrics, config, health.details) : undefined,
    notFoundHint: notFoundHint(config, entrance),
  };
}

/** The metrics, and memory in soketi's form when its names are asked for. */
function servedMetrics(
  metrics: Metrics,
  { metricsCompat }: Pick<Config, 'metricsCompat'>,
  details: ReturnType<typeof openHealthChecks>['details'],
): ServedMetrics {
  const memory = async (): Promise<MemoryUsage> => {
    const { heapUsedBytes: used, heapLimitBytes: total } = (await details()).memory;
    return { free: total - used, used, total, percent: (100 * used) / total };
  };
  return {
    ...metrics,
    text: reusing(METRICS_REUSE_MS, () => metrics.text()),
    memory: metricsCompat === 'off' ? undefined : memory,
  };
}

const accessWith =
  (token: string | undefined) =>
  ({ headers }: FastifyRequest): DetailsAccess => {
    if (token === undefined) return 'hidden';
    return isBearer(headers.authorization, token) ? 'allowed' : 'refused';
  };

/** Makes the sentence for the log about a request that reached the wrong one of two ports (SPEC 8.13). */
function notFoundHint(
  { apiPort, port, path: prefix }: Pick<Config, 'apiPort' | 'port' | 'path'>,
  { serves }: Pick<Entrance, 'serves'>,
): ((path: string) => string | undefined) | undefined {
  if (apiPort === undefined || serves.clients === serves.api) return undefined;
  const hint = serves.clients
    ? `${LISTEN_SETTINGS.apiPort.name}=${apiPort}: the HTTP API and the admin API are there; let Laravel publish there (REVERB_PORT)`
    : `${LISTEN_SETTINGS.port.name}=${port}: WebSocket clients connect there`;
  const elsewhere = serves.clients ? ['apps', 'admin'] : ['app'];
  const roots = elsewhere.flatMap((name) => [`/${name}`, ...(prefix === '' ? [] : [`/${prefix}/${name}`])]);
  return (path) => (roots.some((root) => path === root || path.startsWith(`${root}/`)) ? hint : undefined);
}
