/** Lets `burst` through at once and `perSecond` in the long run. No timer, no allocation per take. */
export class TokenBucket {
  #tokens: number;
  #filledAtMs: number;
  readonly #perMs: number;
  readonly #burst: number;

  constructor(perSecond: number, burst: number, nowMs: number) {
    this.#perMs = perSecond / 1000;
    this.#burst = burst;
    this.#tokens = burst;
    this.#filledAtMs = nowMs;
  }

  take(nowMs: number): boolean {
    this.#tokens = Math.min(this.#burst, this.#tokens + (nowMs - this.#filledAtMs) * this.#perMs);
    this.#filledAtMs = nowMs;
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
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

/** A flood is told of once in this time, not once per message. */
const COMPLAINT_PAUSE_MS = 1000;
/** A flood of so many times the rate, for so long, has no claim to the socket. */
const PATIENCE_FACTOR = 10;
const PATIENCE_MS = 5000;

/** What to do with a message: take it, drop it, drop it and say so, or end the socket. */
export type Verdict = 'take' | 'drop' | 'tell' | 'end';

/** Guards against floods of anything (SPEC 2.12). */
export class FloodGuard {
  readonly #bucket: TokenBucket;
  readonly #patience: number;
  #excess = 0;
  #sinceMs = 0;
  #toldAtMs = 0;

  constructor(perSecond: number, burst: number, nowMs: number) {
    this.#bucket = new TokenBucket(perSecond, burst, nowMs);
    this.#patience = (perSecond * PATIENCE_FACTOR * PATIENCE_MS) / 1000;
  }

  judge(nowMs: number): Verdict {
    if (this.#bucket.take(nowMs)) return 'take';
    if (nowMs - this.#sinceMs > PATIENCE_MS) {
      this.#excess = 0;
      this.#sinceMs = nowMs;
    }
    this.#excess += 1;
    if (this.#excess > this.#patience) return 'end';
    if (nowMs - this.#toldAtMs < COMPLAINT_PAUSE_MS) return 'drop';
    this.#toldAtMs = nowMs;
    return 'tell';
  }
}
