import { backoffMs } from '../../core/util/backoff.ts';

/** Before a worker that ended is started again. */
export const FIRST_WAIT_MS = 100;
export const LONGEST_WAIT_MS = 10_000;
/** A worker that served so long ended for a reason of its own, not for one that it started with. */
export const SETTLED_MS = 30_000;

const LIMITS = { firstMs: FIRST_WAIT_MS, mostMs: LONGEST_WAIT_MS };

/** How long to wait before a worker is started again: longer each time, until one has served for `SETTLED_MS`. */
export class Backoff {
  #starts = 0;

  /** After a worker that had served for so long; 0: not at all. */
  next(servedMs: number): number {
    if (servedMs >= SETTLED_MS) this.#starts = 0;
    this.#starts += 1;
    return backoffMs(this.#starts - 1, LIMITS);
  }
}
