import type { Logger } from '../ports/logger.ts';

const LINE_EVERY_MS = 60_000;

/** Shown in the log: app, address, what was expected. Never a secret. */
export type LogExample = Readonly<Record<string, string | number>>;

interface MinuteLogOptions {
  readonly logger: Pick<Logger, 'warn'>;
  readonly message: string;
  /** Shown in each line. */
  readonly details?: LogExample;
  readonly clock?: () => number;
}

/**
 * Counts one kind of problem. The first is logged at once; more within a minute are logged together, with their number
 * and the newest example: with the first one after the minute, or by a `tick`.
 */
export class MinuteLog {
  readonly #options: MinuteLogOptions;
  readonly #clock: () => number;
  #total = 0;
  /** Since the last line. */
  #unlogged = 0;
  #loggedAtMs = -Infinity;
  #example: LogExample = {};

  constructor(options: MinuteLogOptions) {
    this.#options = options;
    this.#clock = options.clock ?? (() => performance.now());
  }

  get total(): number {
    return this.#total;
  }

  /** Never throws. */
  add(example: LogExample, count = 1): void {
    this.#total += count;
    this.#unlogged += count;
    this.#example = example;
    this.tick();
  }

  tick(): void {
    const now = this.#clock();
    if (this.#unlogged === 0 || now - this.#loggedAtMs < LINE_EVERY_MS) return;
    const { logger, message, details } = this.#options;
    logger.warn(message, { ...details, count: this.#unlogged, ...this.#example });
    this.#unlogged = 0;
    this.#loggedAtMs = now;
  }
}
