import type { Apps } from '../../core/ports/apps.ts';
import type { Stores } from '../../core/ports/stores.ts';
import type { HealthChecks, RedisHealth } from '../../http/health.ts';
import type { Hub } from '../../core/channels/hub.ts';
import type { SocketLimits } from '../../core/client/socket-limits.ts';
import type { WorkerGroup } from '../worker-group.ts';
import { askWorkers } from './ask-workers.ts';
import { mergeDetails, ownDetails } from './process-details.ts';
import { readinessOf } from './readiness.ts';
import { greetsClients } from './self-check.ts';

/** A self-check opens a connection: each process does one a second at most. */
const GREETING_REUSE_MS = 1000;
/** An answer of Redis is never older than half a second, twice this time. */
const REDIS_REUSE_MS = 250;
const DETAILS_REUSE_MS = 500;

export interface HealthDeps {
  readonly core: {
    readonly hub: Hub;
    readonly sockets: SocketLimits;
    readonly apps: Pick<Apps, 'all' | 'isKnown'>;
  };
  readonly stores: Pick<Stores, 'ping' | 'warnings'>;
  readonly workers: WorkerGroup | undefined;
  readonly isReady: () => boolean;
  /** Address at which this process reaches itself; `undefined`: it does not listen yet. */
  readonly ownUrl: () => URL | undefined;
}

/** Opens the checks behind the health endpoints, over all workers of this port (SPEC 8.11). */
export function openHealthChecks(deps: HealthDeps) {
  const { core, stores, workers, isReady } = deps;
  const wanted = workers?.count ?? 1;
  const greetings = askWorkers('health-websocket', () => isOpen(deps), workers, GREETING_REUSE_MS);
  const pings = askWorkers('health-redis', () => redisHealth(stores), workers, REDIS_REUSE_MS);
  const figures = askWorkers(
    'health-details',
    () => Promise.resolve(ownDetails(core.hub)),
    workers,
    DETAILS_REUSE_MS,
  );
  return {
    isReady: readinessOf(isReady, workers),
    warnings: () => stores.warnings(),
    acceptsWebSockets: async (): Promise<boolean> => {
      const all = await greetings();
      return all.length >= wanted && all.every(Boolean);
    },
    redis: async () => mergeRedis(await pings()),
    details: async () => mergeDetails(await figures(), wanted),
  } satisfies Omit<HealthChecks, 'detailsAccess'>;
}

/** True when this process has room for a client and greets one. */
async function isOpen({ core, ownUrl }: HealthDeps): Promise<boolean> {
  const url = ownUrl();
  if (url === undefined || core.sockets.fullness(() => '') === 'server_full') return false;
  return greetsClients(core.apps, url);
}

async function redisHealth(stores: Pick<Stores, 'ping'>): Promise<RedisHealth> {
  try {
    const roundTripMs = await stores.ping();
    if (roundTripMs === undefined) return { redis: 'disabled' };
    return { redis: 'ok', roundTripMs: Math.round(roundTripMs * 100) / 100 };
  } catch {
    return { redis: 'down' };
  }
}

/** The worst of all processes. */
function mergeRedis(all: readonly RedisHealth[]): RedisHealth {
  const down = all.find(({ redis }) => redis === 'down');
  if (down !== undefined || all.length === 0) return { redis: 'down' };
  return all.reduce((worst, each) => ((each.roundTripMs ?? 0) > (worst.roundTripMs ?? 0) ? each : worst));
}
