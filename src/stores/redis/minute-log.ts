import type { Journal } from '../../core/ports.ts';

const MINUTE_MS = 60_000;

/** Counts one kind of trouble and logs it at most once a minute, with the newest example. */
export class MinuteLog {
  readonly #journal: Pick<Journal, 'warn'>;
  readonly #what: string;
  #total = 0;
  #unlogged = 0;
  #loggedAtMs = -Infinity;

  constructor(journal: Pick<Journal, 'warn'>, what: string) {
    this.#journal = journal;
    this.#what = what;
  }

  get total(): number {
    return this.#total;
  }

  add(example: Readonly<Record<string, string | number>>, count = 1): void {
    this.#total += count;
    this.#unlogged += count;
    const now = performance.now();
    if (now - this.#loggedAtMs < MINUTE_MS) return;
    this.#journal.warn(this.#what, { count: this.#unlogged, ...example });
    this.#unlogged = 0;
    this.#loggedAtMs = now;
  }
}
