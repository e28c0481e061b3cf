import type { App } from '../../core/app.ts';
import type { Stores } from '../../core/ports/stores.ts';
import type { Logger } from '../../core/ports/logger.ts';
import type { HealthSink } from '../ports/health-sink.ts';
import type { QueueLimits, Upstream } from '../ports/options.ts';
import type { Bridge, BridgeState } from './bridge.ts';
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

export const openBridge = (deps: BridgeDeps, changed: Partial<BridgeLimits> = {}): Bridge =>
  new AppBridges(deps, changed);

/**
 * SPEC 11.6 to 11.13: one bridge per app. Every node bridges its own clients and its own API requests, so that each thing
 * that crosses has exactly one owner. Whatever the upstream does, no method throws or waits longer than the limits.
 */
class AppBridges implements Bridge {
  readonly #deps: BridgeDeps;
  readonly #limits: BridgeLimits;
  readonly #bridges = new Map<string, AppBridge>();
  #ticker: NodeJS.Timeout | undefined;
  #publisher: NodeJS.Timeout | undefined;

  constructor(deps: BridgeDeps, changed: Partial<BridgeLimits>) {
    this.#deps = deps;
    this.#limits = limitsOf(deps.limits, changed);
  }

  bridged(inner: Stores): Stores {
    const { apps, upstream, logger, health, probeSockets = () => 0, proxiedSockets = () => 0 } = this.#deps;
    const { stores, local } = bridgedStores(inner, {
      apps: new Map(apps.map((app) => [app.id, app])),
      upstreams: this.#bridges,
      failed: this.#failed,
    });
    const shared = { upstream, logger, health, probeSockets, proxiedSockets, limits: this.#limits, ...local };
    for (const app of apps) this.#bridges.set(app.id, new AppBridge({ ...shared, app }));
    return stores;
  }

  start(): void {
    const bridges = this.#bridges;
    for (const bridge of bridges.values()) bridge.start().catch(this.#failed);
    this.#ticker = setInterval(() => bridges.forEach((bridge) => bridge.tick()), BRIDGE_TICK_MS);
    this.#ticker.unref();
    const publish = (): void => bridges.forEach((bridge) => bridge.publishSockets());
    this.#publisher = setInterval(publish, PUBLISH_SOCKETS_MS);
    this.#publisher.unref();
  }

  async stop(): Promise<void> {
    clearInterval(this.#ticker);
    clearInterval(this.#publisher);
    await Promise.all([...this.#bridges.values()].map((bridge) => bridge.stop()));
  }

  state(): BridgeState[] {
    return [...this.#bridges.values()].map(({ state }) => state);
  }

  othersProxy(): boolean {
    return [...this.#bridges.values()].some(({ othersProxy }) => othersProxy);
  }

  subscribedForMs(app: string, channel: string): number {
    return this.#bridges.get(app)?.subscribedForMs(channel) ?? 0;
  }

  readonly #failed = (error: unknown): void => {
    const reason = String(error);
    this.#deps.logger.warn(
      'Redis did not store a join or leave from the upstream: the member list of a presence channel may be wrong. Check Redis',
      { reason },
    );
  };
}

const limitsOf = (queue: QueueLimits | undefined, changed: Partial<BridgeLimits>): BridgeLimits => ({
  ...BRIDGE_LIMITS,
  ...(queue && { queueEvents: queue.events, queueBytes: queue.bytes, queueAgeMs: queue.ageMs }),
  ...changed,
});
