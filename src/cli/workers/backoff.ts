/** Before a worker that ended is started again. */
export const FIRST_WAIT_MS = 100;
export const LONGEST_WAIT_MS = 10_000;
/** A worker that served so long ended for a reason of its own, not for one that it started with. */
export const SETTLED_MS = 30_000;

/** How long to wait before each start: twice as long each time, never longer than `LONGEST_WAIT_MS`. */
export class Backoff {
  #waitMs = FIRST_WAIT_MS;

  /** After a worker that had served for so long; 0: not at all. */
  next(servedMs: number): number {
    if (servedMs >= SETTLED_MS) this.#waitMs = FIRST_WAIT_MS;
    const waitMs = this.#waitMs;
    this.#waitMs = Math.min(waitMs * 2, LONGEST_WAIT_MS);
    return waitMs;
  }
}
