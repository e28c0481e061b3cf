import { errors } from '#protocol';
import { sleep } from './util/time.ts';

/** Time between two groups of goodbyes. */
const STEP_MS = 100;
/** Never fewer at once than this: a small server is empty in a moment. */
const LEAST_PER_STEP = 50;

type Reason = typeof errors.closing;

/** Whatever can be asked to come again: a connection, or what stands for one. */
export interface Drainable {
  close(reason: Reason): void;
}

/**
 * SPEC 2.13. Says goodbye to every connection, spread evenly over a time because clients come back at once.
 * `hasten` lets all that are left go now.
 */
export class Drain {
  readonly #left: Drainable[];
  readonly #perStep: number;
  readonly #hastened = new AbortController();

  constructor(connections: Iterable<Drainable>, windowMs: number) {
    this.#left = shuffled([...connections]);
    this.#perStep = Math.max(
      LEAST_PER_STEP,
      Math.ceil((this.#left.length * STEP_MS) / Math.max(windowMs, STEP_MS)),
    );
  }

  async run(): Promise<void> {
    while (this.#left.length > 0) {
      const group = this.#left.splice(0, this.#hastened.signal.aborted ? this.#left.length : this.#perStep);
      for (const connection of group) connection.close(errors.closing);
      if (this.#left.length > 0) await sleep(STEP_MS, this.#hastened.signal);
    }
  }

  finishNow(): void {
    this.#hastened.abort();
  }
}

/** Random, so that no app or address is hit by the whole wave at once. */
function shuffled<T>(items: T[]): T[] {
  for (let at = items.length - 1; at > 0; at -= 1) {
    const other = Math.floor(Math.random() * (at + 1));
    [items[at], items[other]] = [items[other] as T, items[at] as T];
  }
  return items;
}
