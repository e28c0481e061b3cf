import { LRUCache } from 'lru-cache';
import { channelMapKey } from '../../core/util/channel-map-key.ts';
import type { Retention } from '../../core/ports/events.ts';
import type { ChannelRef, CachedEvents, CachedEvent } from '../../core/ports/events.ts';

/** Limit in bytes; above it, the channels without events for longest are forgotten first. */
export const MAX_CACHED_BYTES = 64 * 1024 * 1024;

interface SavedCachedEvent {
  readonly key: string;
  readonly payload: string;
  readonly ttlMs: number;
}

/** The last event of each cache channel, for as long as it may be kept. */
export class MemoryCachedEvents implements CachedEvents {
  readonly #last = new LRUCache<string, string>({
    maxSize: MAX_CACHED_BYTES,
    sizeCalculation: (payload, key) => Buffer.byteLength(payload) + Buffer.byteLength(key) + 1,
  });

  remember(ref: ChannelRef, payload: string, { lastSeconds = 0 }: Retention): void {
    if (lastSeconds > 0) this.#last.set(channelMapKey(ref), payload, { ttl: lastSeconds * 1000 });
  }

  last(ref: ChannelRef): Promise<CachedEvent | undefined> {
    const key = channelMapKey(ref);
    const payload = this.#last.get(key);
    if (payload === undefined) return Promise.resolve(undefined);
    return Promise.resolve({ payload, ttlSeconds: Math.ceil(this.#last.getRemainingTTL(key) / 1000) });
  }

  /** Returns all events, the one that would be forgotten first at the beginning. */
  *save(): Generator<SavedCachedEvent> {
    for (const key of this.#last.rkeys()) {
      const payload = this.#last.peek(key);
      if (payload !== undefined) yield { key, payload, ttlMs: this.#last.getRemainingTTL(key) };
    }
  }

  clear(): void {
    this.#last.clear();
  }

  load({ key, payload, ttlMs }: SavedCachedEvent): void {
    if (ttlMs > 0) this.#last.set(key, payload, { ttl: ttlMs });
  }
}
