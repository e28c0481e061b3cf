import type { Retention } from '../../core/ports/events.ts';
import type { Broker, ChannelEvent, ChannelRef, Deliver } from '../../core/ports/events.ts';
import type { MemoryCachedEvents } from './cached-events.ts';

/** One promise for all events: its callers attach one handler (`Broker.publish`). */
const PUBLISHED = Promise.resolve();

/** The broker of a single node: an event has arrived when it is published. */
export class MemoryBroker implements Broker {
  readonly #cachedEvents: MemoryCachedEvents;
  #deliver: Deliver = () => undefined;

  constructor(cachedEvents: MemoryCachedEvents) {
    this.#cachedEvents = cachedEvents;
  }

  start(deliver: Deliver): Promise<void> {
    this.#deliver = deliver;
    return Promise.resolve();
  }

  /** Does nothing: the hub drops events of channels without subscribers. */
  subscribe(): Promise<void> {
    return Promise.resolve();
  }

  unsubscribe(): Promise<void> {
    return Promise.resolve();
  }

  publish(ref: ChannelRef, event: ChannelEvent, keep?: Retention): Promise<void> {
    if (keep !== undefined) this.#cachedEvents.remember(ref, event.payload, keep);
    this.#deliver(ref, event);
    return PUBLISHED;
  }
}
