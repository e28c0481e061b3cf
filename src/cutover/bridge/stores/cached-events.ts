import type { ChannelRef, CachedEvents, CachedEvent } from '../../../core/ports/events.ts';
import { channelMapKey } from '../../../core/util/channel-map-key.ts';

interface Last {
  payload: string | undefined;
  untilMs: number;
}

/**
 * SPEC 11.11: the last event, of either side, of each cache channel that this node is subscribed to. For other channels
 * the cluster's own cache answers.
 */
export class BridgedCachedEvents implements CachedEvents {
  readonly #inner: CachedEvents;
  readonly #held = new Map<string, Last>();

  constructor(inner: CachedEvents) {
    this.#inner = inner;
  }

  hold(ref: ChannelRef): void {
    if (!this.#held.has(channelMapKey(ref)))
      this.#held.set(channelMapKey(ref), { payload: undefined, untilMs: 0 });
  }

  drop(ref: ChannelRef): void {
    this.#held.delete(channelMapKey(ref));
  }

  remember(ref: ChannelRef, payload: string, ttlSeconds: number): void {
    const last = this.#held.get(channelMapKey(ref));
    if (last === undefined) return;
    last.payload = payload;
    last.untilMs = Date.now() + ttlSeconds * 1000;
  }

  last(ref: ChannelRef): Promise<CachedEvent | undefined> {
    const last = this.#held.get(channelMapKey(ref));
    const leftMs = (last?.untilMs ?? 0) - Date.now();
    if (last?.payload === undefined || leftMs <= 0) return this.#inner.last(ref);
    return Promise.resolve({ payload: last.payload, ttlSeconds: Math.ceil(leftMs / 1000) });
  }
}
