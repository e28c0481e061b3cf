import type { Credential } from '#protocol';
import type { Clock } from '../../core/ports/clock.ts';
import type { Logger } from '../../core/ports/logger.ts';
import { Canary, type CanaryStatus } from './canary.ts';
import { Health, type SideReport } from './health.ts';
import type { WatchLimits } from '../watch-limits.ts';
import { LoopDelay } from './loop-delay.ts';
import { Notifier, type NotifierCounts } from './notify.ts';
import type { HealthSink, Percentage, Side } from '../ports.ts';
import type { ProbeSite } from '../probe/probe-site.ts';
import { whyUnreachable } from './reachability.ts';
import { Rollback, type RollbackStatus } from './rollback.ts';

const WATCH_TICK_MS = 1000;

export interface WatchOptions {
  readonly limits: WatchLimits;
  readonly percentage: Percentage;
  readonly logger: Logger;
  readonly clock: Clock;
  /** Called at the start, because our own port is known only then. */
  readonly sites: () => Readonly<Record<Side, ProbeSite>>;
  readonly notify: { readonly url: URL; readonly credential: Credential } | undefined;
  /** True while this server admits no client because memory is short. */
  readonly isFull?: () => boolean;
  /** How long the bridge has been subscribed to a channel of the upstream without a gap. */
  readonly bridgedForMs?: (channel: string) => number;
}

/** Health in `wavehall cutover`, the admin API and the metrics (SPEC 11.14, 11.15). */
export interface WatchStatus {
  readonly health: Readonly<Record<Side, SideReport>>;
  readonly rollback: RollbackStatus;
  readonly canary: CanaryStatus | null;
  readonly notifications: NotifierCounts | null;
}

export interface Watch {
  /** Sink for reports of the front door, the bridge and the HTTP API. */
  readonly health: HealthSink;
  start(): void;
  /** Resolves when all connections and timers have ended. */
  stop(): Promise<void>;
  status(): WatchStatus;
  /** Connections of the canary to the upstream. */
  upstreamProbes(): number;
  /** Reason why the upstream cannot be connected; `undefined`: it answers. */
  whyUpstreamIsAway(): Promise<string | undefined>;
}

/** Measures both sides, and rolls back after a lasting breach of Wavehall (SPEC 11.14, 11.15). */
export function openWatch(options: WatchOptions): Watch {
  const { limits, percentage, logger, clock, sites, notify, isFull, bridgedForMs } = options;
  const health = new Health(limits, clock);
  const notifier = notify && new Notifier({ ...notify, logger });
  const loop = new LoopDelay();
  let canary: Canary | undefined;
  let ticker: NodeJS.Timeout | undefined;
  const whyUpstreamIsAway = (): Promise<string | undefined> => whyUnreachable(sites().upstream);
  const rollback = new Rollback({
    health,
    whyUpstreamIsAway,
    percentage,
    logger,
    clock,
    limits,
    notify: (note) => notifier?.send(note),
  });
  const tick = (): void => {
    health.loop(loop.takeMs(WATCH_TICK_MS));
    void rollback.tick();
  };
  return {
    health,
    whyUpstreamIsAway,
    start() {
      loop.start();
      ticker = setInterval(tick, WATCH_TICK_MS);
      if (limits.canaryEveryMs === 0) return;
      canary = new Canary({ sites: sites(), sink: health, logger, limits, isFull, bridgedForMs });
      canary.start();
    },
    async stop() {
      clearInterval(ticker);
      loop.stop();
      await Promise.all([canary?.stop(), notifier?.stop()]);
    },
    upstreamProbes: () => canary?.socketsAt('upstream') ?? 0,
    status: () => ({
      health: health.report(),
      rollback: rollback.status(),
      canary: canary?.status() ?? null,
      notifications: notifier?.counts() ?? null,
    }),
  };
}
