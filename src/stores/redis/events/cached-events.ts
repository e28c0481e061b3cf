import type { ChannelRef, CachedEvents, CachedEvent } from '../../../core/ports/events.ts';
import { decodeEvents } from './message-codec.ts';
import type { Keys } from '../keys.ts';
import { orUnavailable } from '../link/errors.ts';
import type { Links } from '../link/links.ts';
import { repairKeys, withRepair } from '../link/scripts.ts';

/** Reads the last event of a cache channel, which is what it sends to new subscribers. */
export class RedisCachedEvents implements CachedEvents {
  readonly #links: Links;
  readonly #keys: Keys;

  constructor(links: Links, keys: Keys) {
    this.#links = links;
    this.#keys = keys;
  }

  last(ref: ChannelRef): Promise<CachedEvent | undefined> {
    return orUnavailable(this.#read(this.#keys.channel(ref).lastEvent));
  }

  async #read(lastEvent: string): Promise<CachedEvent | undefined> {
    const { commands } = this.#links;
    const [bytes, ttlMs] = await withRepair(commands, [lastEvent], ['string'], () =>
      Promise.all([commands.getBuffer(lastEvent), commands.pttl(lastEvent)]),
    );
    const event = bytes === null ? undefined : decodeEvents(bytes, 1)?.[0];
    if (bytes !== null && event === undefined) await repairKeys(commands, [lastEvent], ['event']);
    return event && { payload: event.payload, ttlSeconds: Math.max(0, Math.ceil(ttlMs / 1000)) };
  }
}
