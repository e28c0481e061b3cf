import type { Credential } from '#protocol';
import type { Clock } from '../../core/ports/clock.ts';
import type { Logger } from '../../core/ports/logger.ts';
import { Canary, type CanaryStatus } from './canary.ts';
import { Health, type SideReport } from './health.ts';
import type { WatchLimits } from '../watch-limits.ts';
import { LoopDelay } from './loop-delay.ts';
import { Notifier, type NotifierCounts } from './notify.ts';
import type { HealthSink } from '../ports/health-sink.ts';
import type { Percentage } from '../ports/percentage.ts';
import type { Side } from '../sides.ts';
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

/** Measures both sides, and rolls back after a lasting breach of Wavehall (SPEC 11.14, 11.15). */
export class Watch {
  readonly #options: WatchOptions;
  readonly #health: Health;
  readonly #loop = new LoopDelay();
  readonly #notifier: Notifier | undefined;
  readonly #rollback: Rollback;
  #canary: Canary | undefined;
  #ticker: NodeJS.Timeout | undefined;

  constructor(options: WatchOptions) {
    const { limits, percentage, logger, clock, notify } = options;
    this.#options = options;
    this.#health = new Health(limits, clock);
    this.#notifier = notify && new Notifier({ ...notify, logger });
    this.#rollback = new Rollback({
      health: this.#health,
      whyUpstreamIsAway: () => this.whyUpstreamIsAway(),
      percentage,
      logger,
      clock,
      limits,
      notify: (note) => this.#notifier?.send(note),
    });
  }

  /** Sink for reports of the front door, the bridge and the HTTP API. */
  get health(): HealthSink {
    return this.#health;
  }

  start(): void {
    const { limits, logger, sites, isFull, bridgedForMs } = this.#options;
    this.#loop.start();
    this.#ticker = setInterval(() => this.#tick(), WATCH_TICK_MS);
    if (limits.canaryEveryMs === 0) return;
    this.#canary = new Canary({ sites: sites(), sink: this.#health, logger, limits, isFull, bridgedForMs });
    this.#canary.start();
  }

  /** Resolves when all connections and timers have ended. */
  async stop(): Promise<void> {
    clearInterval(this.#ticker);
    this.#loop.stop();
    await Promise.all([this.#canary?.stop(), this.#notifier?.stop()]);
  }

  status(): WatchStatus {
    return {
      health: this.#health.report(),
      rollback: this.#rollback.status(),
      canary: this.#canary?.status() ?? null,
      notifications: this.#notifier?.counts() ?? null,
    };
  }

  /** Connections of the canary to the upstream. */
  upstreamProbes(): number {
    return this.#canary?.socketsAt('upstream') ?? 0;
  }

  /** Reason why the upstream cannot be reached; `undefined`: it answers. */
  whyUpstreamIsAway(): Promise<string | undefined> {
    return whyUnreachable(this.#options.sites().upstream);
  }

  #tick(): void {
    this.#health.loop(this.#loop.takeMs(WATCH_TICK_MS));
    void this.#rollback.tick();
  }
}
