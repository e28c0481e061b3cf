import type { Retention } from '../../core/app.ts';
import type { Broker, ChannelEvent, ChannelRef, Deliver } from '../../core/ports/cluster.ts';
import type { MemoryHistory } from './history.ts';

/** One for all: who watches it watches once. */
const TAKEN = Promise.resolve();

/** One node: what is published has arrived. */
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

  /** Nothing to do: the hub leaves aside what nobody listens to. */
  subscribe(): Promise<void> {
    return Promise.resolve();
  }

  unsubscribe(): Promise<void> {
    return Promise.resolve();
  }

  publish(ref: ChannelRef, event: ChannelEvent, keep?: Retention): Promise<void> {
    if (keep !== undefined) this.#history.remember(ref, event.payload, keep);
    this.#deliver(ref, event);
    return TAKEN;
  }
}
