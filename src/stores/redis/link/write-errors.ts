import type { Logger } from '../../../core/ports/logger.ts';
import { explain, type Problem } from './errors.ts';
import type { RedisOptions } from '../options.ts';
import { type Client, SCRIPT_FAILED } from './scripts.ts';

/** Redis answers, but refuses what it is asked to do: full, a replica, not allowed. Said once, and once when it is over. */
export class WriteErrors {
  readonly #options: RedisOptions;
  readonly #logger: Logger;
  #reason: Problem['kind'] | undefined;

  constructor(client: Client, options: RedisOptions, logger: Logger) {
    this.#options = options;
    this.#logger = logger;
    client.on(SCRIPT_FAILED, (error: Error) => this.#failed(error));
  }

  get areThere(): boolean {
    return this.#reason !== undefined;
  }

  /** Redis takes changes. Where it was a permission that was missing, `check` rejects as long as one is. Never rejects. */
  async review(check: () => Promise<void>): Promise<void> {
    if (this.#reason === undefined) return;
    try {
      if (this.#reason !== 'state') await check();
      this.#reason = undefined;
      this.#logger.warn('Redis takes everything again');
    } catch {
      // The next beat looks again.
    }
  }

  #failed(error: Error): void {
    const { kind, sentence } = explain(error, this.#options);
    if (kind === 'away') return;
    if (this.#reason === undefined) this.#logger.warn(`Publishing may answer 503: ${sentence}`);
    this.#reason = kind;
  }
}
