import { LRUCache } from 'lru-cache';
import { keyOf } from '../../core/key-of.ts';
import type { ChannelRef, History, Remembered, Retention } from '../../core/ports.ts';

/** Above it the channels that were silent longest are forgotten first. */
export const HISTORY_BYTES = 64 * 1024 * 1024;

/** The last event of each cache channel, for as long as it may be kept. */
export class MemoryHistory implements History {
  readonly #last = new LRUCache<string, string>({
    maxSize: HISTORY_BYTES,
    sizeCalculation: (payload, key) => payload.length + key.length + 1,
  });

  remember(ref: ChannelRef, payload: string, { size, ttlSeconds }: Retention): void {
    if (size > 0 && ttlSeconds > 0) this.#last.set(keyOf(ref), payload, { ttl: ttlSeconds * 1000 });
  }

  last(ref: ChannelRef): Promise<Remembered | undefined> {
    const key = keyOf(ref);
    const payload = this.#last.get(key);
    if (payload === undefined) return Promise.resolve(undefined);
    return Promise.resolve({ payload, ttlSeconds: Math.ceil(this.#last.getRemainingTTL(key) / 1000) });
  }
}
