import type { Rate, RateAnswer } from '../../../core/ports/nodes/request-rate.ts';
import { RequestBucket } from '../../../core/requests/token-bucket.ts';

/** Part of a second whose tokens a node holds in advance. */
const PORTIONS_PER_SECOND = 20;
/** Milliseconds after which a node that counts by itself tries to reach the shared bucket again. */
const RETRY_MS = 1000;

/** Tokens that the shared bucket gave, and its state. */
export interface Grant {
  readonly taken: number;
  /** Tokens that are left in the shared bucket. */
  readonly left: number;
  /** Milliseconds until it has a portion again. */
  readonly waitMs: number;
  readonly nodes: number;
}

/** Takes tokens of the shared bucket. Rejects when it cannot be reached. */
export type Fetch = (rate: Rate, wanted: number, portion: number) => Promise<Grant>;

/** Tokens that a node holds in advance: those of a twentieth of a second, at least one. */
export const portionOf = ({ perSecond, burst }: Rate): number =>
  Math.min(burst, Math.ceil(perSecond / PORTIONS_PER_SECOND));

/**
 * The tokens of an app that this node has taken from the shared bucket. It holds a portion in advance and takes the next one
 * while requests are served from it, so that a request waits for the shared bucket only when the portion is used up: after a
 * pause no request does. All that wait share one request to the bucket. An empty bucket is not asked again before it has a
 * portion, so that a flood costs it at most twenty requests a second and node, or one for each token if those are fewer.
 *
 * Held tokens do not expire, and each was in the bucket before: over any time t all nodes together accept at most
 * burst + rate × t and one portion for each node.
 */
export class TokenLease {
  readonly #fetch: Fetch;
  #tokens = 0;
  #left = 0;
  #emptyUntilMs = 0;
  #waiting = 0;
  #refill: Promise<void> | undefined;
  #nodes = 1;
  /** Counts this node's share while the shared bucket cannot be reached. */
  #share: RequestBucket | undefined;
  #retryAtMs = 0;

  constructor(fetch: Fetch) {
    this.#fetch = fetch;
  }

  async take(rate: Rate): Promise<RateAnswer> {
    // Looks at the tokens and takes one in the same step: others wait for the same refill.
    while (this.#tokens < 1 && this.#mayRefill) {
      this.#waiting += 1;
      const refill = this.#refillOnce(rate);
      // The next try during an outage is made beside the requests.
      if (this.#share === undefined) await refill;
      this.#waiting -= 1;
    }
    if (this.#tokens < 1)
      return this.#share === undefined ? this.#refused() : this.#ofShare(this.#share, rate);
    this.#tokens -= 1;
    if (this.#tokens < portionOf(rate) / 2 && this.#mayRefill) void this.#refillOnce(rate);
    return { isTaken: true, remaining: Math.min(rate.burst, this.#tokens + this.#left), waitMs: 0 };
  }

  #refused(): RateAnswer {
    const waitMs = Math.max(1, Math.ceil(this.#emptyUntilMs - performance.now()));
    return { isTaken: false, remaining: 0, waitMs };
  }

  get #mayRefill(): boolean {
    return performance.now() >= (this.#share === undefined ? this.#emptyUntilMs : this.#retryAtMs);
  }

  #refillOnce(rate: Rate): Promise<void> {
    // One try at a time, and no other before its time.
    this.#retryAtMs = performance.now() + RETRY_MS;
    return (this.#refill ??= this.#refillNow(rate).finally(() => (this.#refill = undefined)));
  }

  async #refillNow(rate: Rate): Promise<void> {
    const portion = portionOf(rate);
    const wanted = this.#waiting + portion - this.#tokens;
    try {
      const { taken, left, waitMs, nodes } = await this.#fetch(rate, wanted, portion);
      this.#tokens += taken;
      this.#left = left;
      this.#nodes = Math.max(1, nodes);
      if (taken < wanted) this.#emptyUntilMs = performance.now() + waitMs;
      this.#share = undefined;
    } catch {
      this.#share ??= new RequestBucket(performance.now());
    }
  }

  #ofShare(share: RequestBucket, { perSecond, burst }: Rate): RateAnswer {
    const own = { perSecond: perSecond / this.#nodes, burst: Math.max(1, Math.floor(burst / this.#nodes)) };
    return share.take(own, performance.now());
  }
}
