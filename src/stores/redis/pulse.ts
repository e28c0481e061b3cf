import type { Redis } from 'ioredis';
import type { Journal } from '../../core/ports.ts';

/** Beats in a row without an answer after which a connection is given up for a new one. */
const DEAD_AFTER_BEATS = 2;

/**
 * Finds connections that stand and bring no answers: something on the way may have forgotten them, and TCP may take many
 * minutes to say so. Any answer is a sign of life, a refusal as well.
 */
export class Pulse {
  readonly #journal: Journal;
  readonly #unanswered = new WeakMap<Redis, number>();

  constructor(journal: Journal) {
    this.#journal = journal;
  }

  feel(servers: readonly Redis[]): void {
    for (const server of servers) if (server.status === 'ready') void this.#feelOne(server);
  }

  async #feelOne(server: Redis): Promise<void> {
    const isAlive = await server.ping().then(
      () => true,
      (error: unknown) => (error as Error).name === 'ReplyError',
    );
    const unanswered = isAlive ? 0 : (this.#unanswered.get(server) ?? 0) + 1;
    this.#unanswered.set(server, unanswered);
    // Others may have found it closed already, or be opening it.
    if (unanswered < DEAD_AFTER_BEATS || server.status !== 'ready') return;
    this.#unanswered.set(server, 0);
    this.#journal.warn('A link to Redis brings no answers any more: it is opened again');
    server.disconnect(true);
  }
}
