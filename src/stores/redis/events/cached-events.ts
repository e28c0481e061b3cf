import type { ChannelRef, History, Remembered } from '../../../core/ports/cluster.ts';
import { Unavailable } from '../../../core/ports/failures.ts';
import { decodeEvents } from './message-codec.ts';
import type { Keys } from '../keys.ts';
import type { Links } from '../link/links.ts';
import { mend, mending } from '../link/scripts.ts';

/** Reads the last event of a cache channel. */
export class RedisHistory implements History {
  readonly #links: Links;
  readonly #keys: Keys;

  constructor(links: Links, keys: Keys) {
    this.#links = links;
    this.#keys = keys;
  }

  async last(ref: ChannelRef): Promise<Remembered | undefined> {
    const { last } = this.#keys.channel(ref);
    const { commands } = this.#links;
    try {
      const [bytes, ttlMs] = await mending(commands, [last], ['string'], () =>
        Promise.all([commands.getBuffer(last), commands.pttl(last)]),
      );
      const event = bytes === null ? undefined : decodeEvents(bytes, 1)?.[0];
      if (bytes !== null && event === undefined) await mend(commands, [last], ['event']);
      return event && { payload: event.payload, ttlSeconds: Math.max(0, Math.ceil(ttlMs / 1000)) };
    } catch (error) {
      throw new Unavailable('Redis is away.', { cause: error });
    }
  }
}
