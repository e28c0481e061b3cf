import type { Rate, RateAnswer, RequestRate } from '../../../core/ports/nodes/request-rate.ts';
import type { Keys } from '../keys.ts';
import type { Links } from '../link/links.ts';
import { runScript } from '../link/scripts.ts';
import { TokenLease } from './token-lease.ts';

/** One bucket for each app in Redis, on its clock; each node serves requests from tokens that it took in advance. */
export class RedisRequestRate implements RequestRate {
  readonly #links: Links;
  readonly #keys: Keys;
  readonly #leases = new Map<string, TokenLease>();

  constructor(links: Links, keys: Keys) {
    this.#links = links;
    this.#keys = keys;
  }

  take(app: string, rate: Rate): Promise<RateAnswer> {
    let lease = this.#leases.get(app);
    if (lease === undefined) this.#leases.set(app, (lease = this.#leaseOf(app)));
    return lease.take(rate);
  }

  #leaseOf(app: string): TokenLease {
    return new TokenLease(async ({ perSecond, burst }, wanted, portion) => {
      const keys = [this.#keys.requestBucket(app), this.#keys.nodes(0)];
      const args = [wanted, perSecond, burst, portion];
      const answer = await runScript(this.#links.commands, 'take-tokens', keys, args);
      const [taken, left, waitMs, nodes] = answer as [number, number, number, number];
      return { taken, left, waitMs, nodes };
    });
  }
}
