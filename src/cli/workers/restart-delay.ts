import { backoffMs } from '../../core/util/backoff.ts';

/** Pause before a worker that ended is started again. */
export const FIRST_WAIT_MS = 100;
export const LONGEST_WAIT_MS = 10_000;
/** A worker that served this long did not end because of a problem at its start: the pauses begin anew. */
export const SETTLED_MS = 30_000;

const LIMITS = { firstMs: FIRST_WAIT_MS, mostMs: LONGEST_WAIT_MS };

/** Pauses before a worker is started again: longer each time, until one has served for `SETTLED_MS`. */
export class RestartDelay {
  #starts = 0;

  /** Pause after a worker that served for `servedMs`; 0: it never served. */
  next(servedMs: number): number {
    if (servedMs >= SETTLED_MS) this.#starts = 0;
    this.#starts += 1;
    return backoffMs(this.#starts - 1, LIMITS);
  }
}
