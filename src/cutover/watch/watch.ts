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
import { whyAway } from './reach.ts';
import { Rollback, type RollbackStatus } from './rollback.ts';

const TICK_MS = 1000;

export interface WatchNeeds {
  readonly limits: WatchLimits;
  readonly percentage: Percentage;
  readonly logger: Logger;
  readonly clock: Clock;
  /** Asked when it starts, because our own port is known only then. */
  readonly sites: () => Readonly<Record<Side, ProbeSite>>;
  readonly notify: { readonly url: URL; readonly credential: Credential } | undefined;
  /** True while this server lets nobody in because its memory is short. */
  readonly isFull?: () => boolean;
  /** How long the bridge has heard a channel of the other server without a break. */
  readonly bridgedForMs?: (channel: string) => number;
}

/** What `wavehall cutover` and the metrics tell of health (SPEC 11.14, 11.15). */
export interface WatchStatus {
  readonly health: Readonly<Record<Side, SideReport>>;
  readonly rollback: RollbackStatus;
  readonly canary: CanaryStatus | null;
  readonly notifications: NotifierCounts | null;
}

export interface Watch {
  /** Where the door, the bridge and the API report. */
  readonly health: HealthSink;
  start(): void;
  /** Resolves when nothing of it is left. */
  stop(): Promise<void>;
  status(): WatchStatus;
  /** Connections that the canary has at the other server. */
  probesThere(): number;
  /** Why nobody can connect to the other server at this moment; `undefined`: it answers. */
  whyOtherIsAway(): Promise<string | undefined>;
}

/** Watches over both sides, and takes people back when that must be (SPEC 11.14, 11.15). */
export function openWatch(needs: WatchNeeds): Watch {
  const { limits, percentage, logger, clock, sites, notify, isFull, bridgedForMs } = needs;
  const health = new Health(limits, clock);
  const notifier = notify && new Notifier({ ...notify, logger });
  const loop = new LoopDelay();
  let canary: Canary | undefined;
  let ticker: NodeJS.Timeout | undefined;
  const whyOtherIsAway = (): Promise<string | undefined> => whyAway(sites().upstream);
  const rollback = new Rollback({
    health,
    whyOtherIsAway,
    percentage,
    logger,
    clock,
    limits,
    notify: (note) => notifier?.send(note),
  });
  const tick = (): void => {
    health.loop(loop.takeMs(TICK_MS));
    void rollback.tick();
  };
  return {
    health,
    whyOtherIsAway,
    start() {
      loop.start();
      ticker = setInterval(tick, TICK_MS);
      if (limits.canaryEveryMs === 0) return;
      canary = new Canary({ sites: sites(), sink: health, logger, limits, isFull, bridgedForMs });
      canary.start();
    },
    async stop() {
      clearInterval(ticker);
      loop.stop();
      await Promise.all([canary?.stop(), notifier?.stop()]);
    },
    probesThere: () => canary?.socketsAt('upstream') ?? 0,
    status: () => ({
      health: health.report(),
      rollback: rollback.status(),
      canary: canary?.status() ?? null,
      notifications: notifier?.counts() ?? null,
    }),
  };
}
