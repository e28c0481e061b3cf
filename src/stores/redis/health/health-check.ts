import type { Redis } from 'ioredis';
import type { Logger } from '../../../core/ports/logger.ts';
import { evictedIn, nameOf, policyIn, sayPolicy } from './eviction-policy.ts';

/** Beats in a row without an answer after which a connection is given up for a new one. */
const DEAD_AFTER_BEATS = 2;

interface PulseNeeds {
  readonly logger: Logger;
  /** Redis has removed so many keys to make room, since the last beat. */
  readonly onEvicted: (keys: number) => void;
}

/**
 * Finds connections that stand and bring no answers: something on the way may have forgotten them, and TCP may take many
 * minutes to say so. Any answer is a sign of life, a refusal as well. And it looks whether Redis forgets what it was told.
 */
export class HealthCheck {
  readonly #needs: PulseNeeds;
  readonly #unanswered = new WeakMap<Redis, number>();
  readonly #policies = new WeakMap<Redis, string>();
  readonly #evicted = new WeakMap<Redis, number>();

  constructor(needs: PulseNeeds) {
    this.#needs = needs;
  }

  /** What is counted from then on. */
  async begin(servers: readonly Redis[]): Promise<void> {
    await Promise.all(servers.map((server) => this.#feelOne(server)));
  }

  feel(servers: readonly Redis[]): void {
    for (const server of servers) if (server.status === 'ready') void this.#feelOne(server);
  }

  async #feelOne(server: Redis): Promise<void> {
    const isAlive = await Promise.all([server.info('memory'), server.info('stats')]).then(
      ([memory, stats]) => this.#judge(server, policyIn(memory), evictedIn(stats)),
      (error: unknown) => (error as Error).name === 'ReplyError',
    );
    const unanswered = isAlive ? 0 : (this.#unanswered.get(server) ?? 0) + 1;
    this.#unanswered.set(server, unanswered);
    // Others may have found it closed already, or be opening it.
    if (unanswered < DEAD_AFTER_BEATS || server.status !== 'ready') return;
    this.#unanswered.set(server, 0);
    this.#needs.logger.warn('A link to Redis brings no answers any more: it is opened again');
    server.disconnect(true);
  }

  #judge(server: Redis, policy: string | undefined, evicted: number): true {
    const before = this.#policies.get(server);
    if (policy !== undefined && policy !== before) {
      this.#policies.set(server, policy);
      if (before !== undefined) sayPolicy(policy, nameOf(server), this.#needs.logger);
    }
    // A server that was restarted begins at 0 again.
    const more = evicted - (this.#evicted.get(server) ?? evicted);
    this.#evicted.set(server, evicted);
    if (more > 0) this.#needs.onEvicted(more);
    return true;
  }
}
