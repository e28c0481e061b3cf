import type { Redis } from 'ioredis';
import type { Journal } from '../../core/ports.ts';
import { policyIn } from './start-checks.ts';

/** Beats in a row without an answer after which a connection is given up for a new one. */
const DEAD_AFTER_BEATS = 2;

/**
 * Finds connections that stand and bring no answers: something on the way may have forgotten them, and TCP may take many
 * minutes to say so. Any answer is a sign of life, a refusal as well. And it looks whether Redis still forgets nothing.
 */
export class Pulse {
  readonly #journal: Journal;
  readonly #unanswered = new WeakMap<Redis, number>();
  readonly #forgetful = new Set<Redis>();

  readonly #onMended: () => void;

  /** `onMended`: a server may have forgotten something, and does so no more. */
  constructor(journal: Journal, onMended: () => void) {
    this.#journal = journal;
    this.#onMended = onMended;
  }

  /** False while a server may forget what it was told. */
  get isSound(): boolean {
    return this.#forgetful.size === 0;
  }

  feel(servers: readonly Redis[]): void {
    for (const server of this.#forgetful) if (!servers.includes(server)) this.#forgetful.delete(server);
    for (const server of servers) if (server.status === 'ready') void this.#feelOne(server);
  }

  async #feelOne(server: Redis): Promise<void> {
    const isAlive = await server.info('memory').then(
      (info) => this.#judge(server, policyIn(info)),
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

  #judge(server: Redis, policy = 'noeviction'): true {
    const isForgetful = policy !== 'noeviction';
    if (isForgetful === this.#forgetful.has(server)) return true;
    if (isForgetful) this.#forgetful.add(server);
    else this.#forgetful.delete(server);
    const at = { server: `${server.options.host}:${server.options.port}`, policy };
    if (isForgetful)
      this.#journal.warn('Redis may forget what it was told: set maxmemory-policy noeviction', at);
    else this.#journal.warn('Redis forgets nothing any more', at);
    if (!isForgetful) this.#onMended();
    return true;
  }
}
