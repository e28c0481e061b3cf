import type { ReplayGuard } from '../../../core/ports/stores.ts';
import { DEFAULT_SIGNATURES } from '../../../core/requests/replay-guard.ts';
import type { Keys } from '../keys.ts';
import type { Links } from '../link/links.ts';
import { runScript } from '../link/scripts.ts';

/** Takes each signature once over all nodes. Expiry is on the clock of Redis; the number of signatures is bounded. */
export class RedisReplayGuard implements ReplayGuard {
  readonly #links: Links;
  readonly #keys: Keys;
  readonly #signatures: number;
  #forgotten = 0;

  constructor(links: Links, keys: Keys, signatures = DEFAULT_SIGNATURES) {
    this.#links = links;
    this.#keys = keys;
    this.#signatures = signatures;
  }

  get forgotten(): number {
    return this.#forgotten;
  }

  async take(app: string, signature: string, ttlMs: number): Promise<boolean> {
    const [isTaken, forgotten] = (await runScript(
      this.#links.commands,
      'take-signature',
      [this.#keys.signatures(app)],
      [signature, ttlMs, this.#signatures],
    )) as [number, number];
    this.#forgotten += forgotten;
    return isTaken === 1;
  }
}
