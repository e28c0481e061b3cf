import { LRUCache } from 'lru-cache';
import type { ChannelRef } from '../../../core/ports/channel-ref.ts';
import type { Once } from '../../../core/ports/nodes/idempotency.ts';
import { DEFAULT_IDEMPOTENCY_LIMITS } from '../../../core/requests/idempotency.ts';

interface SavedMark {
  readonly app: string;
  readonly mark: string;
  readonly ttlMs: number;
}

/** The events with an idempotency key that a single node has published. */
export class PublishedMarks {
  readonly #most: number;
  readonly #apps = new Map<string, LRUCache<string, true>>();

  constructor(most = DEFAULT_IDEMPOTENCY_LIMITS.keys) {
    this.#most = most;
  }

  /** True once in its time. */
  take({ app, channel }: ChannelRef, { id, ttlMs }: Once): boolean {
    const taken = this.#of(app);
    const mark = `${id}:${channel}`;
    if (taken.has(mark)) return false;
    taken.set(mark, true, { ttl: ttlMs });
    return true;
  }

  *save(): Generator<SavedMark> {
    for (const [app, taken] of this.#apps)
      for (const mark of taken.rkeys()) {
        const ttlMs = taken.getRemainingTTL(mark);
        if (ttlMs > 0) yield { app, mark, ttlMs };
      }
  }

  load({ app, mark, ttlMs }: SavedMark): void {
    this.#of(app).set(mark, true, { ttl: ttlMs });
  }

  clear(): void {
    this.#apps.clear();
  }

  #of(app: string): LRUCache<string, true> {
    const known = this.#apps.get(app);
    if (known !== undefined) return known;
    const taken = new LRUCache<string, true>({ max: this.#most, ttlResolution: 0, perf: Date });
    this.#apps.set(app, taken);
    return taken;
  }
}
