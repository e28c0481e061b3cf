import { counter, type NumberMetric } from '../ports/metric.ts';
import { type LogExample, MinuteLog } from '../util/minute-log.ts';
import type { LiveFeed } from '../live/feed.ts';
import type { Logger } from '../ports/logger.ts';
import type { StatusSection } from '../ports/status.ts';
import type { AppLimits } from '../app.ts';
import { limitOf, type LimitName } from './reached-limits.ts';
import { REASONS, type RefusalReason } from './reasons.ts';

interface RefusalTrace {
  refused(reason: RefusalReason, example: LogExample): void;
}

interface ReachedLimit {
  count: number;
  lastAtMs: number;
}

/**
 * Counts refusals by reason, and logs each reason at most once a minute. Bounded by the list of reasons, whatever clients
 * send.
 */
export class Refusals {
  readonly #logger: Pick<Logger, 'warn'>;
  readonly #clock: () => number;
  readonly #live: LiveFeed | undefined;
  readonly #trace: RefusalTrace | undefined;
  readonly #counted = new Map<RefusalReason, MinuteLog>();
  readonly #limits = new Map<LimitName, ReachedLimit>();

  /** Section `limits`: those that were reached, the last one first. */
  readonly status: StatusSection = {
    name: 'limits',
    read: () => ({
      reached: [...this.#limits]
        .sort(([, one], [, other]) => other.lastAtMs - one.lastAtMs)
        .map(([limit, { count, lastAtMs }]) => ({ limit, count, last: new Date(lastAtMs).toISOString() })),
    }),
  };

  /** `live`: shows each refusal to those who look now; `trace`: to those who ask later. */
  constructor(logger: Pick<Logger, 'warn'>, clock: () => number, live?: LiveFeed, trace?: RefusalTrace) {
    this.#live = live;
    this.#trace = trace;
    this.#logger = logger;
    this.#clock = clock;
  }

  /** Never throws. `limit`: the one that was exceeded, where the reason does not tell. */
  count(reason: RefusalReason, given: LogExample = {}, limit?: keyof AppLimits): void {
    const name = limitOf(reason, limit);
    if (name !== undefined) this.#reached(name);
    const example = limit === undefined || name === undefined ? given : { ...given, limit: name };
    this.#of(reason).add(example);
    if (this.#live?.isWatched === true) this.#live.refused(reason, example);
    this.#trace?.refused(reason, example);
  }

  /** How often it was counted. */
  totalOf(reason: RefusalReason): number {
    return this.#counted.get(reason)?.total ?? 0;
  }

  /** Called about once a second. */
  tick(): void {
    for (const counted of this.#counted.values()) counted.tick();
  }

  get metrics(): readonly NumberMetric[] {
    const values = () => [...this.#counted].map(([reason, { total }]) => [[reason], total] as const);
    return [
      counter(
        'refusals_total',
        'Refused, slowed down or disconnected clients and requests, by reason.',
        ['reason'],
        values,
      ),
      counter(
        'limits_reached_total',
        'Times that a limit was reached, by the variable that sets it.',
        ['limit'],
        () => [...this.#limits].map(([name, { count }]) => [[name], count] as const),
      ),
    ];
  }

  #reached(name: LimitName): void {
    const limit = this.#limits.get(name) ?? { count: 0, lastAtMs: 0 };
    limit.count += 1;
    limit.lastAtMs = this.#clock();
    this.#limits.set(name, limit);
  }

  #of(reason: RefusalReason): MinuteLog {
    const known = this.#counted.get(reason);
    if (known !== undefined) return known;
    const counted = new MinuteLog({
      logger: this.#logger,
      clock: this.#clock,
      message: REASONS[reason],
      details: { reason },
    });
    this.#counted.set(reason, counted);
    return counted;
  }
}
