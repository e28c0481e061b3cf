/** Lets `burst` through at once and `perSecond` in the long run. No timer, no allocation per take. */
export class TokenBucket {
  readonly perSecond: number;
  #tokens: number;
  #filledAtMs: number;
  readonly #perMs: number;
  readonly #burst: number;

  constructor(perSecond: number, burst: number, nowMs: number) {
    this.perSecond = perSecond;
    this.#perMs = perSecond / 1000;
    this.#burst = burst;
    this.#tokens = burst;
    this.#filledAtMs = nowMs;
  }

  take(nowMs: number): boolean {
    this.#fill(nowMs);
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }

  /** Milliseconds until `take` will let one through. */
  msUntilNext(nowMs: number): number {
    this.#fill(nowMs);
    return Math.max(0, (1 - this.#tokens) / this.#perMs);
  }

  /** Takes a token without a check, for a message that has waited its time: a timer may fire a millisecond early. */
  takeUnchecked(nowMs: number): void {
    this.#fill(nowMs);
    this.#tokens = Math.max(0, this.#tokens - 1);
  }

  #fill(nowMs: number): void {
    this.#tokens = Math.min(this.#burst, this.#tokens + (nowMs - this.#filledAtMs) * this.#perMs);
    this.#filledAtMs = nowMs;
  }
}

/** Laravel's RateLimiter: the window opens with the first attempt and is forgotten when it ends. */
export class FixedWindow {
  #attempts = 0;
  #endsAtMs = 0;
  readonly #maxAttempts: number;
  readonly #decayMs: number;

  constructor(maxAttempts: number, decaySeconds: number) {
    this.#maxAttempts = maxAttempts;
    this.#decayMs = decaySeconds * 1000;
  }

  take(nowMs: number): boolean {
    if (nowMs >= this.#endsAtMs) {
      this.#attempts = 0;
      this.#endsAtMs = nowMs + this.#decayMs;
    }
    if (this.#attempts >= this.#maxAttempts) return false;
    this.#attempts += 1;
    return true;
  }
}
