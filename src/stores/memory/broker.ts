import type { Retention } from '../../core/ports/events.ts';
import type { Broker, ChannelEvent, ChannelRef, Deliver } from '../../core/ports/events.ts';
import type { MemoryHistory } from './history.ts';

/** One promise for all events: its callers attach one handler (`Broker.publish`). */
const PUBLISHED = Promise.resolve();

/** The broker of a single node: an event has arrived when it is published. */
export class MemoryBroker implements Broker {
  readonly #history: MemoryHistory;
  #deliver: Deliver = () => undefined;

  constructor(history: MemoryHistory) {
    this.#history = history;
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
    if (keep !== undefined) this.#history.remember(ref, event.payload, keep);
    this.#deliver(ref, event);
    return PUBLISHED;
  }
}
