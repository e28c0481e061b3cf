/** Silence after which a server may have stopped answering, however fast it is. */
const FRESH_FOR_MS = 10;

/**
 * Estimates the clock of one Redis server from its answers, never ahead of the real one. Times of this process are those of
 * `performance.now()`, which is never adjusted.
 */
export class ServerClock {
  readonly #longestFreshMs: number;
  /** Server time in the newest answer, and the moment at which that answer arrived. */
  #serverMs = 0;
  #receivedMs = -Infinity;
  #roundTripMs = 0;

  /** `longestFreshMs`: the longest silence after which even a slow server counts as answering. */
  constructor(longestFreshMs: number) {
    this.#longestFreshMs = longestFreshMs;
  }

  update(serverMs: number, sentMs: number, receivedMs: number): void {
    this.#serverMs = serverMs;
    this.#receivedMs = receivedMs;
    this.#roundTripMs = this.#roundTripMs * 0.8 + (receivedMs - sentMs) * 0.2;
  }

  /** Called when another server may answer from now on. */
  forget(): void {
    this.#receivedMs = -Infinity;
  }

  /** True when the server answered recently enough to expect another answer. */
  isFresh(nowMs: number): boolean {
    const freshMs = Math.min(this.#longestFreshMs, Math.max(FRESH_FOR_MS, 3 * this.#roundTripMs));
    return nowMs - this.#receivedMs <= freshMs;
  }

  /** Returns the server's time at a moment of this process, at most one network delay too early. */
  atMs(momentMs: number): number {
    return Math.floor(this.#serverMs + momentMs - this.#receivedMs);
  }
}
