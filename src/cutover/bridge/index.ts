import type { Stores } from '../../core/ports.ts';
import type { Bridge, BridgeNeeds, BridgeState } from '../ports.ts';
import { AppBridge } from './app-bridge.ts';
import { type BridgeLimits, LIMITS } from './limits.ts';
import { bridgedStores } from './stores.ts';

const TICK_MS = 10_000;

/** What `openBridge` needs; events of the other side go where those of the stores' broker go. */
export type OpenBridgeNeeds = Pick<BridgeNeeds, 'upstream' | 'apps' | 'journal'> &
  Partial<Pick<BridgeNeeds, 'limits' | 'health'>>;

/**
 * SPEC 11.6 to 11.13. Every node bridges its own clients and its own API requests, so each bridged thing has exactly one
 * owner. Nothing that the other side does makes a member of this throw or wait longer than its limits say.
 */
export function openBridge(needs: OpenBridgeNeeds, changed: Partial<BridgeLimits> = {}): Bridge {
  const { limits: queue } = needs;
  const limits: BridgeLimits = {
    ...LIMITS,
    ...(queue && { queueEvents: queue.events, queueBytes: queue.bytes, queueAgeMs: queue.ageMs }),
    ...changed,
  };
  const bridges = new Map<string, AppBridge>();
  let ticker: NodeJS.Timeout | undefined;
  const failed = (error: unknown): void =>
    needs.journal.warn('A member of the other side could not be told', { reason: String(error) });
  const bridged = (inner: Stores): Stores => {
    const apps = new Map(needs.apps.map((app) => [app.id, app]));
    const { stores, inside } = bridgedStores(inner, { apps, bridges, failed });
    for (const app of needs.apps) {
      const { upstream, journal, health } = needs;
      bridges.set(app.id, new AppBridge({ app, upstream, journal, health, limits, ...inside }));
    }
    return stores;
  };
  return {
    bridged,
    start: () => {
      for (const bridge of bridges.values()) bridge.start().catch(failed);
      ticker = setInterval(() => bridges.forEach((bridge) => bridge.tick()), TICK_MS);
      ticker.unref();
    },
    stop: async () => {
      clearInterval(ticker);
      await Promise.all([...bridges.values()].map((bridge) => bridge.stop()));
    },
    state: (): BridgeState[] => [...bridges.values()].map(({ state }) => state),
    isConnected: (app) => bridges.get(app)?.isConnected ?? false,
  };
}
