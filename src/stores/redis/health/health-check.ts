import type { Redis } from 'ioredis';
import type { Logger } from '../../../core/ports/logger.ts';
import { evictedIn, serverNameOf, policyIn, warnOfPolicy } from './eviction-policy.ts';

/** Beats in a row without an answer after which a connection is replaced. */
const DEAD_AFTER_BEATS = 2;

interface HealthCheckDeps {
  readonly logger: Logger;
  /** Called with the number of keys that Redis has evicted since the last beat. */
  readonly onEvicted: (keys: number) => void;
}

/**
 * Detects connections that are open and bring no answers: a router may have dropped them, and TCP may take many minutes to
 * report it. Any answer counts, an error too. Also watches evictions and the eviction policy.
 */
export class HealthCheck {
  readonly #deps: HealthCheckDeps;
  readonly #unanswered = new WeakMap<Redis, number>();
  readonly #policies = new WeakMap<Redis, string>();
  readonly #evicted = new WeakMap<Redis, number>();

  constructor(deps: HealthCheckDeps) {
    this.#deps = deps;
  }

  /** Takes the first counts: evictions are reported from then on. */
  async start(servers: readonly Redis[]): Promise<void> {
    await Promise.all(servers.map((server) => this.#checkServer(server)));
  }

  check(servers: readonly Redis[]): void {
    for (const server of servers) if (server.status === 'ready') void this.#checkServer(server);
  }

  async #checkServer(server: Redis): Promise<void> {
    const isAlive = await Promise.all([server.info('memory'), server.info('stats')]).then(
      ([memory, stats]) => this.#compare(server, policyIn(memory), evictedIn(stats)),
      (error: unknown) => (error as Error).name === 'ReplyError',
    );
    const unanswered = isAlive ? 0 : (this.#unanswered.get(server) ?? 0) + 1;
    this.#unanswered.set(server, unanswered);
    // The connection may have been closed or reopened meanwhile.
    if (unanswered < DEAD_AFTER_BEATS || server.status !== 'ready') return;
    this.#unanswered.set(server, 0);
    this.#deps.logger.warn('A connection to Redis is open but brings no answers: it is opened again', {
      server: serverNameOf(server),
    });
    server.disconnect(true);
  }

  #compare(server: Redis, policy: string | undefined, evicted: number): true {
    const before = this.#policies.get(server);
    if (policy !== undefined && policy !== before) {
      this.#policies.set(server, policy);
      if (before !== undefined) warnOfPolicy(policy, serverNameOf(server), this.#deps.logger);
    }
    // A server that was restarted begins at 0 again.
    const more = evicted - (this.#evicted.get(server) ?? evicted);
    this.#evicted.set(server, evicted);
    if (more > 0) this.#deps.onEvicted(more);
    return true;
  }
}
