import { LRUCache } from 'lru-cache';
import type { ReplayGuard } from '../../../core/ports/stores.ts';
import { DEFAULT_SIGNATURES, type ReplayOptions } from '../../../core/requests/replay-guard.ts';

interface SavedSignature {
  readonly app: string;
  readonly signature: string;
  /** 0: it never expires. */
  readonly ttlMs: number;
}

/** The signatures that a single node has accepted. */
export class MemoryReplayGuard implements ReplayGuard {
  readonly #clock: () => number;
  readonly #signatures: number;
  readonly #apps = new Map<string, LRUCache<string, true>>();
  #forgotten = 0;

  constructor({ signatures = DEFAULT_SIGNATURES, clock = Date.now }: ReplayOptions = {}) {
    this.#signatures = signatures;
    this.#clock = clock;
  }

  get forgotten(): number {
    return this.#forgotten;
  }

  take(app: string, signature: string, ttlMs: number): Promise<boolean> {
    const taken = this.#of(app);
    if (taken.has(signature)) return Promise.resolve(false);
    taken.set(signature, true, { ttl: ttlMs });
    return Promise.resolve(true);
  }

  *save(): Generator<SavedSignature> {
    for (const [app, taken] of this.#apps)
      for (const signature of taken.rkeys()) {
        const leftMs = taken.getRemainingTTL(signature);
        if (leftMs > 0) yield { app, signature, ttlMs: Number.isFinite(leftMs) ? leftMs : 0 };
      }
  }

  clear(): void {
    this.#apps.clear();
  }

  load({ app, signature, ttlMs }: SavedSignature): void {
    void this.take(app, signature, ttlMs);
  }

  #of(app: string): LRUCache<string, true> {
    const known = this.#apps.get(app);
    if (known !== undefined) return known;
    const taken = new LRUCache<string, true>({
      max: this.#signatures,
      perf: { now: this.#clock },
      ttlResolution: 0,
      dispose: (_value, _key, reason) => {
        if (reason === 'evict') this.#forgotten += 1;
      },
    });
    this.#apps.set(app, taken);
    return taken;
  }
}
