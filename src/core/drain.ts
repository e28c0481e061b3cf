import { errors } from '#protocol';
import { sleep } from './util/time.ts';

/** Time between two groups of closes. */
const STEP_MS = 100;
/** Least number of connections that are closed at once, so that a small server drains quickly. */
const LEAST_PER_STEP = 50;

type DrainReason = typeof errors.closing;

/** A connection, or what stands for one, that can be closed so that its client reconnects. */
export interface Drainable {
  close(reason: DrainReason): void;
}

/**
 * SPEC 2.13: closes every connection, spread evenly over `windowMs`, because clients reconnect at once. `finishNow` closes
 * all that are left at once.
 */
export class Drain {
  readonly #left: Drainable[];
  readonly #perStep: number;
  readonly #hurry = new AbortController();

  constructor(connections: Iterable<Drainable>, windowMs: number) {
    this.#left = shuffled([...connections]);
    this.#perStep = Math.max(
      LEAST_PER_STEP,
      Math.ceil((this.#left.length * STEP_MS) / Math.max(windowMs, STEP_MS)),
    );
  }

  async run(): Promise<void> {
    while (this.#left.length > 0) {
      const group = this.#left.splice(0, this.#hurry.signal.aborted ? this.#left.length : this.#perStep);
      for (const connection of group) connection.close(errors.closing);
      if (this.#left.length > 0) await sleep(STEP_MS, this.#hurry.signal);
    }
  }

  finishNow(): void {
    this.#hurry.abort();
  }
}

/** Shuffles the connections, so that no app or address loses all of its connections at once. */
function shuffled<T>(items: T[]): T[] {
  for (let at = items.length - 1; at > 0; at -= 1) {
    const other = Math.floor(Math.random() * (at + 1));
    [items[at], items[other]] = [items[other] as T, items[at] as T];
  }
  return items;
}
