import type { Logger } from '../../../core/ports/logger.ts';
import { explainError, type RedisProblem } from './errors.ts';
import { type RedisClient, SCRIPT_FAILED } from './scripts.ts';
import type { RedisServers } from './servers.ts';

/** Tracks refused commands: Redis is full, is a replica, or the user may not run them. Logged once, and once when it is over. */
export class WriteErrors {
  readonly #options: RedisServers;
  readonly #logger: Logger;
  #reason: RedisProblem['kind'] | undefined;

  constructor(client: RedisClient, options: RedisServers, logger: Logger) {
    this.#options = options;
    this.#logger = logger;
    client.on(SCRIPT_FAILED, (error: Error) => this.#onScriptFailed(error));
  }

  get isActive(): boolean {
    return this.#reason !== undefined;
  }

  /** Called when Redis accepts writes. Where a permission was missing, `check` rejects as long as it is. Never rejects. */
  async review(check: () => Promise<void>): Promise<void> {
    if (this.#reason === undefined) return;
    try {
      if (this.#reason !== 'state') await check();
      this.#reason = undefined;
      this.#logger.warn('Redis accepts commands again');
    } catch {
      // The next beat looks again.
    }
  }

  #onScriptFailed(error: Error): void {
    const { kind, sentence } = explainError(error, this.#options);
    if (kind === 'unreachable') return;
    if (this.#reason === undefined)
      this.#logger.warn(
        `Redis refuses commands: ${sentence}. Until it accepts them, publishes may be answered with 503, and /up and /ready are`,
      );
    this.#reason = kind;
  }
}
