import type { App } from '../../core/app.ts';
import type { Logger } from '../../core/ports/logger.ts';
import type { Bridge, BridgeState, HealthSink, QueueLimits, Upstream } from '../ports.ts';
import { AppBridge } from './app-bridge.ts';
import { type BridgeLimits, LIMITS } from './limits.ts';
import { bridgedStores } from './stores.ts';

const TICK_MS = 10_000;
/** How soon the other nodes know of a change in the number of own sockets at the other side. */
const TELL_MS = 1000;

/** Events of the other side go where those of the stores' broker go. */
export interface BridgeDeps {
  readonly upstream: Upstream;
  readonly apps: readonly App[];
  readonly logger: Logger;
  readonly limits?: QueueLimits;
  readonly health?: HealthSink;
  /** Sockets of an app at the other side that are this node's, beside those of the bridge. */
  readonly probeSockets?: (app: string) => number;
  /** Sockets of browsers of an app that this node leads to the other side. */
  readonly proxiedSockets?: (app: string) => number;
}

/**
 * SPEC 11.6 to 11.13. Every node bridges its own clients and its own API requests, so each bridged thing has exactly one
 * owner. Nothing that the other side does makes a member of this throw or wait longer than its limits say.
 */
export function openBridge(deps: BridgeDeps, changed: Partial<BridgeLimits> = {}): Bridge {
  const bridges = new Map<string, AppBridge>();
  let ticker: NodeJS.Timeout | undefined;
  let teller: NodeJS.Timeout | undefined;
  const failed = (error: unknown): void =>
    deps.logger.warn('A member of the other side could not be told', { reason: String(error) });
  return {
    bridged: (inner) => {
      const apps = new Map(deps.apps.map((app) => [app.id, app]));
      const { stores, inside } = bridgedStores(inner, { apps, bridges, failed });
      const { upstream, logger, health, probeSockets = () => 0, proxiedSockets = () => 0 } = deps;
      const each = {
        upstream,
        logger,
        health,
        probeSockets,
        proxiedSockets,
        limits: limitsOf(deps.limits, changed),
        ...inside,
      };
      for (const app of deps.apps) bridges.set(app.id, new AppBridge({ ...each, app }));
      return stores;
    },
    start: () => {
      for (const bridge of bridges.values()) bridge.start().catch(failed);
      ticker = setInterval(() => bridges.forEach((bridge) => bridge.tick()), TICK_MS);
      ticker.unref();
      teller = setInterval(() => bridges.forEach((bridge) => bridge.publishSockets()), TELL_MS);
      teller.unref();
    },
    stop: async () => {
      clearInterval(ticker);
      clearInterval(teller);
      await Promise.all([...bridges.values()].map((bridge) => bridge.stop()));
    },
    state: (): BridgeState[] => [...bridges.values()].map(({ state }) => state),
    othersProxy: () => [...bridges.values()].some(({ othersProxy: othersLead }) => othersLead),
    isConnected: (app) => bridges.get(app)?.isConnected ?? false,
    subscribedForMs: (app, channel) => bridges.get(app)?.subscribedForMs(channel) ?? 0,
  };
}

const limitsOf = (queue: QueueLimits | undefined, changed: Partial<BridgeLimits>): BridgeLimits => ({
  ...LIMITS,
  ...(queue && { queueEvents: queue.events, queueBytes: queue.bytes, queueAgeMs: queue.ageMs }),
  ...changed,
});
