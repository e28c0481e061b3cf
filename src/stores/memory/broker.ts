import type { Position } from '#protocol';
import type { Retention } from '../../core/ports/events.ts';
import type { Broker, ChannelEvent, ChannelRef, Deliver } from '../../core/ports/events.ts';
import type { MemoryCachedEvents } from './cached-events.ts';
import type { MemoryHistory } from './history.ts';

/** One promise for all events: its callers attach one handler (`Broker.publish`). */
const PUBLISHED = Promise.resolve();

/** The broker of a single node: an event has arrived when it is published. */
export class MemoryBroker implements Broker {
  readonly #cachedEvents: MemoryCachedEvents;
  readonly #history: MemoryHistory;
  #deliver: Deliver = () => undefined;

  constructor(cachedEvents: MemoryCachedEvents, history: MemoryHistory) {
    this.#cachedEvents = cachedEvents;
    this.#history = history;
  }

  start(deliver: Deliver): Promise<void> {
    this.#deliver = deliver;
    return Promise.resolve();
  }

  /** Changes nothing: the hub drops events of channels without subscribers. */
  subscribe(ref: ChannelRef): Promise<Position> {
    return Promise.resolve(this.#history.position(ref));
  }

  unsubscribe(): Promise<void> {
    return Promise.resolve();
  }

  publish(ref: ChannelRef, event: ChannelEvent, keep?: Retention): Promise<void> {
    if (keep === undefined) this.#deliver(ref, event);
    else {
      this.#cachedEvents.remember(ref, event.payload, keep);
      this.#deliver(ref, this.#history.append(ref, event, keep));
    }
    return PUBLISHED;
  }
}
