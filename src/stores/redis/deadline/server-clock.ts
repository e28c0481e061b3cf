/** Silence after which it is no longer sure that a server still answers, however fast it is. */
const SURE_FOR_MS = 10;

/**
 * The clock of one Redis server, as its answers show it: never ahead of the real one. Times of this process are those of
 * `performance.now()`, which nobody sets.
 */
export class ServerClock {
  readonly #mostSureMs: number;
  /** The time in the newest answer, and when that answer came. */
  #shownMs = 0;
  #heardMs = -Infinity;
  #roundTripMs = 0;

  /** `mostSureMs`: the longest silence after which a slow server may still be relied on. */
  constructor(mostSureMs: number) {
    this.#mostSureMs = mostSureMs;
  }

  answered(shownMs: number, sentMs: number, heardMs: number): void {
    this.#shownMs = shownMs;
    this.#heardMs = heardMs;
    this.#roundTripMs = this.#roundTripMs * 0.8 + (heardMs - sentMs) * 0.2;
  }

  /** Another server may answer from now on. */
  forget(): void {
    this.#heardMs = -Infinity;
  }

  /** True when the server answered so lately that it may be expected to answer again. */
  isSure(nowMs: number): boolean {
    const sureMs = Math.min(this.#mostSureMs, Math.max(SURE_FOR_MS, 3 * this.#roundTripMs));
    return nowMs - this.#heardMs <= sureMs;
  }

  /** The server's time at a moment of this process, or earlier by what the newest answer took to come here. */
  atMs(momentMs: number): number {
    return Math.floor(this.#shownMs + momentMs - this.#heardMs);
  }
}
