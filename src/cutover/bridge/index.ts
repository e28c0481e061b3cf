import type { App } from '../../core/app.ts';
import type { Logger } from '../../core/ports/logger.ts';
import type { HealthSink, QueueLimits, Upstream } from '../ports.ts';
import type { Bridge, BridgeState } from './port.ts';
import { AppBridge } from './app-bridge.ts';
import { type BridgeLimits, BRIDGE_LIMITS } from './limits.ts';
import { bridgedStores } from './stores/bridged-stores.ts';

const BRIDGE_TICK_MS = 10_000;
/** How often the number of this node's connections to the upstream is published, if it has changed. */
const PUBLISH_SOCKETS_MS = 1000;

export interface BridgeDeps {
  readonly upstream: Upstream;
  readonly apps: readonly App[];
  readonly logger: Logger;
  readonly limits?: QueueLimits;
  readonly health?: HealthSink;
  /** Connections of this node to the upstream, per app, besides those of the bridge. */
  readonly probeSockets?: (app: string) => number;
  /** Connections of browsers, per app, that this node proxies to the upstream. */
  readonly proxiedSockets?: (app: string) => number;
}

/**
 * SPEC 11.6 to 11.13: one bridge per app. Every node bridges its own clients and its own API requests, so that each thing
 * that crosses has exactly one owner. Whatever the upstream does, no method throws or waits longer than the limits.
 */
export function openBridge(deps: BridgeDeps, changed: Partial<BridgeLimits> = {}): Bridge {
  const bridges = new Map<string, AppBridge>();
  let ticker: NodeJS.Timeout | undefined;
  let publisher: NodeJS.Timeout | undefined;
  const failed = (error: unknown): void =>
    deps.logger.warn('A change of the members at the upstream could not be stored', {
      reason: String(error),
    });
  return {
    bridged: (inner) => {
      const apps = new Map(deps.apps.map((app) => [app.id, app]));
      const { stores, local } = bridgedStores(inner, { apps, upstreams: bridges, failed });
      const { upstream, logger, health, probeSockets = () => 0, proxiedSockets = () => 0 } = deps;
      const limits = limitsOf(deps.limits, changed);
      const shared = { upstream, logger, health, probeSockets, proxiedSockets, limits, ...local };
      for (const app of deps.apps) bridges.set(app.id, new AppBridge({ ...shared, app }));
      return stores;
    },
    start: () => {
      for (const bridge of bridges.values()) bridge.start().catch(failed);
      ticker = setInterval(() => bridges.forEach((bridge) => bridge.tick()), BRIDGE_TICK_MS);
      ticker.unref();
      publisher = setInterval(() => bridges.forEach((bridge) => bridge.publishSockets()), PUBLISH_SOCKETS_MS);
      publisher.unref();
    },
    stop: async () => {
      clearInterval(ticker);
      clearInterval(publisher);
      await Promise.all([...bridges.values()].map((bridge) => bridge.stop()));
    },
    state: (): BridgeState[] => [...bridges.values()].map(({ state }) => state),
    othersProxy: () => [...bridges.values()].some(({ othersProxy }) => othersProxy),
    subscribedForMs: (app, channel) => bridges.get(app)?.subscribedForMs(channel) ?? 0,
  };
}

const limitsOf = (queue: QueueLimits | undefined, changed: Partial<BridgeLimits>): BridgeLimits => ({
  ...BRIDGE_LIMITS,
  ...(queue && { queueEvents: queue.events, queueBytes: queue.bytes, queueAgeMs: queue.ageMs }),
  ...changed,
});
