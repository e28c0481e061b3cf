import type { Clock } from '../../core/ports/clock.ts';
import type { Logger } from '../../core/ports/logger.ts';
import type { Breach, BreachOf, Health } from './health.ts';
import type { WatchLimits } from '../watch-limits.ts';
import type { Percentage } from '../ports.ts';

/** What could not be shared is tried again after so long. */
const RETRY_MS = 5000;

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
  /** Breaches at which nobody was moved, because the other server could not be connected. */
  blocked: number;
  failed: number;
}

export interface RollbackStatus {
  /** Since when Wavehall has been in breach at the present percentage; `null`: it is not. */
  readonly breachSinceMs: number | null;
  /** It would have gone back, but the other server cannot be connected. */
  readonly isBlocked: boolean;
  readonly last: RollbackNote | null;
  readonly counts: Readonly<RollbackCounts>;
}

export interface RollbackNeeds {
  readonly health: Pick<Health, 'judge'>;
  /** Connects to the other server: why that fails, or `undefined`. No client has a say in it. */
  readonly whyOtherIsAway: () => Promise<string | undefined>;
  readonly percentage: Pick<Percentage, 'percent' | 'lastGood' | 'set' | 'markGood'>;
  readonly logger: Pick<Logger, 'warn'>;
  readonly notify: (note: RollbackNote) => void;
  readonly clock: Clock;
  readonly limits: Pick<WatchLimits, 'breachMs' | 'goodMs'>;
}

/**
 * Takes people back to the other server when Wavehall has been in breach for long enough (SPEC 11.15).
 * Each percentage is judged by what happened at that percentage only: a breach that brought it down does not count
 * again, but if it goes on at the last good percentage, the next stop is 0.
 */
export class Rollback {
  readonly #needs: RollbackNeeds;
  readonly #counts: RollbackCounts = { toLastGood: 0, toZero: 0, blocked: 0, failed: 0 };
  #percent: number;
  /** Since when this percentage counts, and since when without any breach. */
  #sinceMs: number;
  #goodSinceMs: number;
  #breachSinceMs: number | undefined;
  #told = new Map<BreachOf, number>();
  #isBlocked = false;
  #isBusy = false;
  #retryAtMs = 0;
  #last: RollbackNote | undefined;

  constructor(needs: RollbackNeeds) {
    this.#needs = needs;
    this.#percent = needs.percentage.percent;
    this.#sinceMs = needs.clock();
    this.#goodSinceMs = this.#sinceMs;
  }

  /** To be called each second. Resolves when what it began has been done; never rejects. */
  async tick(): Promise<void> {
    if (this.#isBusy) return;
    this.#isBusy = true;
    try {
      await this.#look();
    } catch (error) {
      this.#couldNot(error as Error);
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

  async #look(): Promise<void> {
    const { health, percentage, clock, limits } = this.#needs;
    const nowMs = clock();
    if (percentage.percent !== this.#percent) this.#begin(percentage.percent, nowMs);
    const breaches = health.judge('wavehall', this.#sinceMs);
    if (breaches.length > 0) this.#goodSinceMs = nowMs;
    this.#tellStuck(breaches, nowMs);
    const reasons = breaches.filter(({ causesRollback }) => causesRollback);
    if (reasons.length === 0) {
      this.#breachSinceMs = undefined;
      this.#isBlocked = false;
      return this.#keep(nowMs);
    }
    this.#breachSinceMs ??= nowMs;
    const breachMs = nowMs - this.#breachSinceMs;
    if (this.#percent === 0 || limits.breachMs === 0 || breachMs < limits.breachMs) return;
    if (nowMs < this.#retryAtMs || (await this.#mustHold(reasons))) return;
    // An operator may have set another share while the other server was asked.
    if (percentage.percent === this.#percent) await this.#goBack(reasons, clock(), breachMs);
  }

  /** What was measured at another percentage is no evidence for or against this one. */
  #begin(percent: number, nowMs: number): void {
    this.#percent = percent;
    this.#sinceMs = nowMs;
    this.#goodSinceMs = nowMs;
    this.#breachSinceMs = undefined;
    this.#isBlocked = false;
  }

  /** The percentage has held: it is the one to come back to. */
  async #keep(nowMs: number): Promise<void> {
    const { percentage, limits } = this.#needs;
    if (this.#percent === 0 || percentage.lastGood === this.#percent) return;
    if (nowMs - this.#goodSinceMs < limits.goodMs || nowMs < this.#retryAtMs) return;
    await percentage.markGood(this.#percent);
  }

  async #goBack(reasons: readonly Breach[], nowMs: number, breachMs: number): Promise<void> {
    const { percentage, logger, notify } = this.#needs;
    const fromPercent = this.#percent;
    const toPercent = percentage.lastGood < fromPercent ? percentage.lastGood : 0;
    const why = reasons.map(({ text }) => text).join('; ');
    await percentage.set(toPercent, `automatic rollback: ${why}`, true);
    this.#begin(toPercent, nowMs);
    const note: RollbackNote = {
      atMs: nowMs,
      fromPercent,
      toPercent,
      breachMs,
      reasons: reasons.map(({ of, text }) => ({ of, text })),
    };
    this.#last = note;
    this.#counts[toPercent === 0 ? 'toZero' : 'toLastGood'] += 1;
    logger.warn(`Cutover: Wavehall’s share went back from ${fromPercent} % to ${toPercent} %: ${why}`, {
      from: fromPercent,
      to: toPercent,
      breachSeconds: Math.round(breachMs / 1000),
      reasons: reasons.map(({ of }) => of).join(','),
    });
    notify(note);
    // Nothing that was good before is so now.
    if (toPercent === 0) await percentage.markGood(0);
  }

  /** Nobody is sent to a server that cannot be connected, whatever is wrong with this one. */
  async #mustHold(reasons: readonly Breach[]): Promise<boolean> {
    const { whyOtherIsAway, logger } = this.#needs;
    const away = await whyOtherIsAway();
    if (away === undefined) {
      this.#isBlocked = false;
      return false;
    }
    if (!this.#isBlocked) {
      this.#isBlocked = true;
      this.#counts.blocked += 1;
      const why = reasons.map(({ text }) => text).join('; ');
      logger.warn(
        `Cutover: Wavehall is in breach (${why}), but its share stays at ${this.#percent} %: the other server cannot be connected (${away})`,
      );
    }
    return true;
  }

  /** Warns once of each breach that a rollback does not help against, when it has lasted as long as one that causes a rollback. */
  #tellStuck(breaches: readonly Breach[], nowMs: number): void {
    const stuck = breaches.filter(({ causesRollback }) => !causesRollback);
    for (const of of [...this.#told.keys()]) if (!stuck.some((each) => each.of === of)) this.#told.delete(of);
    for (const { of, text, noRollbackReason: stays = '' } of stuck) {
      const sinceMs = this.#told.get(of) ?? nowMs;
      if (sinceMs !== TOLD) this.#told.set(of, sinceMs);
      if (sinceMs === TOLD || nowMs - sinceMs < this.#needs.limits.breachMs) continue;
      this.#told.set(of, TOLD);
      this.#needs.logger.warn(`Cutover: ${text}; ${stays}`);
    }
  }

  #couldNot(error: Error): void {
    this.#counts.failed += 1;
    this.#retryAtMs = this.#needs.clock() + RETRY_MS;
    this.#needs.logger.warn(`Cutover: the share of Wavehall could not be written: ${error.message}`);
  }
}

/** In place of a time: it was said. */
const TOLD = -1;
