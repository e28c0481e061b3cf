import type { Rate, RateAnswer } from '../ports/nodes/request-rate.ts';

/**
 * A token bucket whose whole state is the moment at which it is full again. A moment that is further away than an empty bucket
 * needs belongs to a clock that was set back, or to a limit that was lower: the bucket counts as empty then, never as closed.
 */
export class RequestBucket {
  #fullAtMs: number;

  /** `msUntilFull`: of a bucket that goes on here. */
  constructor(nowMs: number, msUntilFull = 0) {
    this.#fullAtMs = nowMs + msUntilFull;
  }

  take({ perSecond, burst }: Rate, nowMs: number): RateAnswer {
    const tokenMs = 1000 / perSecond;
    const owedMs = Math.min(this.msUntilFull(nowMs), burst * tokenMs);
    // A rounding error must not cost a token.
    const tokens = burst - owedMs / tokenMs + 1e-6;
    const isTaken = tokens >= 1;
    this.#fullAtMs = nowMs + owedMs + (isTaken ? tokenMs : 0);
    if (isTaken) return { isTaken, remaining: Math.floor(tokens - 1), waitMs: 0 };
    return { isTaken, remaining: 0, waitMs: Math.max(1, Math.ceil((1 - tokens) * tokenMs)) };
  }

  msUntilFull(nowMs: number): number {
    return Math.max(0, this.#fullAtMs - nowMs);
  }
}
