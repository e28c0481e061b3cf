import type { Clock } from '../../core/ports/clock.ts';
import type { Logger } from '../../core/ports/logger.ts';
import type { Breach, BreachOf, Health } from './health.ts';
import type { WatchLimits } from '../watch-limits.ts';
import type { Percentage } from '../ports/percentage.ts';

/** Time until a change that could not be shared is tried again. */
const SHARE_RETRY_MS = 5000;

/** One automatic rollback, for the log, the metrics and the notification. */
export interface RollbackNote {
  readonly atMs: number;
  readonly fromPercent: number;
  readonly toPercent: number;
  /** How long the breach had lasted. */
  readonly breachMs: number;
  readonly reasons: readonly { readonly of: BreachOf; readonly text: string }[];
}

export interface RollbackCounts {
  toLastGood: number;
  toZero: number;
  /** Breaches without a rollback, because the upstream could not be reached. */
  blocked: number;
  failed: number;
}

export interface RollbackStatus {
  /** Start of Wavehall's breach at the present percentage; `null`: there is none. */
  readonly breachSinceMs: number | null;
  /** True while a rollback is due, but the upstream cannot be reached. */
  readonly isBlocked: boolean;
  readonly last: RollbackNote | null;
  readonly counts: Readonly<RollbackCounts>;
}

export interface RollbackOptions {
  readonly health: Pick<Health, 'judge'>;
  /** Connects to the upstream; resolves with the reason of a failure. Clients cannot influence it. */
  readonly whyUpstreamIsAway: () => Promise<string | undefined>;
  readonly percentage: Pick<Percentage, 'percent' | 'lastGood' | 'set' | 'markGood'>;
  readonly logger: Pick<Logger, 'warn'>;
  readonly notify: (note: RollbackNote) => void;
  readonly clock: Clock;
  readonly limits: Pick<WatchLimits, 'breachMs' | 'goodMs'>;
}

/**
 * Lowers Wavehall's share when it has been in breach for long enough (SPEC 11.15). Each percentage is judged only by what
 * happened at that percentage: a breach that caused a rollback does not count again, but if it goes on at the last good
 * percentage, the next step is 0.
 */
export class Rollback {
  readonly #options: RollbackOptions;
  readonly #counts: RollbackCounts = { toLastGood: 0, toZero: 0, blocked: 0, failed: 0 };
  #percent: number;
  /** Start of this percentage, and of its time without a breach. */
  #sinceMs: number;
  #goodSinceMs: number;
  #breachSinceMs: number | undefined;
  /** Breaches that cause no rollback, and whether each has been logged. */
  readonly #reported = new Map<BreachOf, { readonly sinceMs: number; isWarned: boolean }>();
  #isBlocked = false;
  #isBusy = false;
  #retryAtMs = 0;
  #last: RollbackNote | undefined;

  constructor(options: RollbackOptions) {
    this.#options = options;
    this.#percent = options.percentage.percent;
    this.#sinceMs = options.clock();
    this.#goodSinceMs = this.#sinceMs;
  }

  /** Called each second. Resolves when a rollback that it began is done; never rejects. */
  async tick(): Promise<void> {
    if (this.#isBusy) return;
    this.#isBusy = true;
    try {
      await this.#evaluate();
    } catch (error) {
      this.#failed(error as Error);
    } finally {
      this.#isBusy = false;
    }
  }

  status(): RollbackStatus {
    return {
      breachSinceMs: this.#breachSinceMs ?? null,
      isBlocked: this.#isBlocked,
      last: this.#last ?? null,
      counts: { ...this.#counts },
    };
  }

  async #evaluate(): Promise<void> {
    const { health, percentage, clock, limits } = this.#options;
    const nowMs = clock();
    if (percentage.percent !== this.#percent) this.#restart(percentage.percent, nowMs);
    const breaches = health.judge('wavehall', this.#sinceMs);
    if (breaches.length > 0) this.#goodSinceMs = nowMs;
    this.#warnWithoutRollback(breaches, nowMs);
    const reasons = breaches.filter(({ causesRollback }) => causesRollback);
    if (reasons.length === 0) {
      this.#breachSinceMs = undefined;
      this.#isBlocked = false;
      return this.#markGood(nowMs);
    }
    this.#breachSinceMs ??= nowMs;
    const breachMs = nowMs - this.#breachSinceMs;
    if (this.#percent === 0 || limits.breachMs === 0 || breachMs < limits.breachMs) return;
    if (nowMs < this.#retryAtMs || (await this.#isBlockedByUpstream(reasons))) return;
    // An operator may have set another share while the upstream was tried.
    if (percentage.percent === this.#percent) await this.#rollBack(reasons, clock(), breachMs);
  }

  /** Starts to judge a new percentage: measurements at another one do not count. */
  #restart(percent: number, nowMs: number): void {
    this.#percent = percent;
    this.#sinceMs = nowMs;
    this.#goodSinceMs = nowMs;
    this.#breachSinceMs = undefined;
    this.#isBlocked = false;
  }

  /** Marks a percentage that has held as the target of the next rollback. */
  async #markGood(nowMs: number): Promise<void> {
    const { percentage, limits } = this.#options;
    if (this.#percent === 0 || percentage.lastGood === this.#percent) return;
    if (nowMs - this.#goodSinceMs < limits.goodMs || nowMs < this.#retryAtMs) return;
    await percentage.markGood(this.#percent);
  }

  async #rollBack(reasons: readonly Breach[], nowMs: number, breachMs: number): Promise<void> {
    const { percentage, notify } = this.#options;
    const fromPercent = this.#percent;
    const toPercent = percentage.lastGood < fromPercent ? percentage.lastGood : 0;
    const why = reasons.map(({ text }) => text).join('; ');
    await percentage.set(toPercent, `automatic rollback: ${why}`, true);
    this.#restart(toPercent, nowMs);
    const note: RollbackNote = {
      atMs: nowMs,
      fromPercent,
      toPercent,
      breachMs,
      reasons: reasons.map(({ of, text }) => ({ of, text })),
    };
    this.#last = note;
    this.#counts[toPercent === 0 ? 'toZero' : 'toLastGood'] += 1;
    this.#logRollback(note, why);
    notify(note);
    // No percentage above 0 counts as good any more.
    if (toPercent === 0) await percentage.markGood(0);
  }

  #logRollback({ fromPercent, toPercent, breachMs, reasons }: RollbackNote, why: string): void {
    this.#options.logger.warn(
      `Automatic rollback of the cutover percentage from ${fromPercent} % to ${toPercent} %: ${why}. Open connections are moved. Look for the cause before you raise it again: wavehall cutover`,
      {
        from: fromPercent,
        to: toPercent,
        breachSeconds: Math.round(breachMs / 1000),
        reasons: reasons.map(({ of }) => of).join(','),
      },
    );
  }

  /** True when the upstream cannot be reached: browsers are never moved there then. */
  async #isBlockedByUpstream(reasons: readonly Breach[]): Promise<boolean> {
    const { whyUpstreamIsAway, logger } = this.#options;
    const away = await whyUpstreamIsAway();
    if (away === undefined) {
      this.#isBlocked = false;
      return false;
    }
    if (!this.#isBlocked) {
      this.#isBlocked = true;
      this.#counts.blocked += 1;
      const why = reasons.map(({ text }) => text).join('; ');
      logger.warn(
        `Rollback blocked: Wavehall exceeds a limit (${why}) and the upstream cannot be reached (${away}), so the percentage stays at ${this.#percent} %. Start the upstream: while the limit is exceeded, the rollback then follows by itself. To lower it anyway: wavehall cutover rollback --force`,
      );
    }
    return true;
  }

  /** Warns once of each breach that a rollback does not help against, when it has lasted as long as one that causes a rollback. */
  #warnWithoutRollback(breaches: readonly Breach[], nowMs: number): void {
    const lasting = breaches.filter(({ causesRollback }) => !causesRollback);
    for (const of of [...this.#reported.keys()])
      if (!lasting.some((each) => each.of === of)) this.#reported.delete(of);
    for (const { of, text, noRollbackReason = '' } of lasting) {
      const report = this.#reported.get(of) ?? { sinceMs: nowMs, isWarned: false };
      this.#reported.set(of, report);
      if (report.isWarned || nowMs - report.sinceMs < this.#options.limits.breachMs) continue;
      report.isWarned = true;
      this.#options.logger.warn(`Cutover: ${text}; ${noRollbackReason}`);
    }
  }

  #failed(error: Error): void {
    this.#counts.failed += 1;
    this.#retryAtMs = this.#options.clock() + SHARE_RETRY_MS;
    this.#options.logger.warn(
      'The check for an automatic rollback failed and is repeated; meanwhile there is no automatic rollback. To roll back by hand: wavehall cutover rollback',
      { reason: error.message },
    );
  }
}
