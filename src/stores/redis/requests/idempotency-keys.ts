import type { IdempotencyKeys, KeyedRequest, KeyState } from '../../../core/ports/nodes/idempotency.ts';
import { DEFAULT_IDEMPOTENCY_LIMITS, type IdempotencyLimits } from '../../../core/requests/idempotency.ts';
import type { Keys } from '../keys.ts';
import type { Links } from '../link/links.ts';
import { runScript } from '../link/scripts.ts';

/** The idempotency keys of all nodes, on the clock of Redis; keys and bytes of answers are bounded for each app. */
export class RedisIdempotencyKeys implements IdempotencyKeys {
  readonly #links: Links;
  readonly #keys: Keys;
  readonly #limits: IdempotencyLimits;
  #forgotten = 0;

  constructor(links: Links, keys: Keys, limits: IdempotencyLimits = DEFAULT_IDEMPOTENCY_LIMITS) {
    this.#links = links;
    this.#keys = keys;
    this.#limits = limits;
  }

  get forgotten(): number {
    return this.#forgotten;
  }

  async claim({ app, key, request }: KeyedRequest, ttlMs: number): Promise<KeyState> {
    const args = [key, request, ttlMs, this.#limits.keys];
    const answer = await runScript(this.#links.commands, 'claim-key', this.#keys.idempotency(app), args);
    const [use, forgotten, text = ''] = answer as [KeyState['use'], number, string?];
    this.#forgotten += forgotten;
    return { use, answer: text === '' ? undefined : text };
  }

  async keepAnswer({ app, key, request }: KeyedRequest, answer: string): Promise<string> {
    const [, requests] = this.#keys.idempotency(app);
    const args = [key, request, answer, this.#limits.answerBytes];
    return (await runScript(this.#links.commands, 'keep-answer', [requests], args)) as string;
  }
}
