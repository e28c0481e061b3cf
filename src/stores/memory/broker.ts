import type { Position } from '#protocol';
import type { Once } from '../../core/ports/nodes/idempotency.ts';
import type { Retention } from '../../core/ports/events.ts';
import type { Broker, ChannelEvent, ChannelRef, Deliver } from '../../core/ports/events.ts';
import type { MemoryCachedEvents } from './cached-events.ts';
import type { MemoryHistory } from './history.ts';
import { PublishedMarks } from './requests/published-marks.ts';

/** One promise for all events: its callers attach one handler (`Broker.publish`). */
const PUBLISHED = Promise.resolve();

/** The broker of a single node: an event has arrived when it is published. */
export class MemoryBroker implements Broker {
  readonly #cachedEvents: MemoryCachedEvents;
  readonly #history: MemoryHistory;
  readonly #marks: PublishedMarks;
  #deliver: Deliver = () => undefined;
  /** Delivers to the process that this one replaces; `undefined`: there is none. */
  #deliverEarlier: Deliver | undefined;

  constructor(cachedEvents: MemoryCachedEvents, history: MemoryHistory, marks = new PublishedMarks()) {
    this.#marks = marks;
    this.#cachedEvents = cachedEvents;
    this.#history = history;
  }

  start(deliver: Deliver): Promise<void> {
    this.#deliver = deliver;
    return Promise.resolve();
  }

  /** Delivers all events to one more process, until it is called without one. */
  alsoDeliver(deliver?: Deliver): void {
    this.#deliverEarlier = deliver;
  }

  /** Changes nothing: the hub drops events of channels without subscribers. */
  subscribe(ref: ChannelRef): Promise<Position> {
    return Promise.resolve(this.#history.position(ref));
  }

  unsubscribe(): Promise<void> {
    return Promise.resolve();
  }

  publish(ref: ChannelRef, event: ChannelEvent, keep?: Retention): Promise<void> {
    const kept = keep === undefined ? event : this.#keep(ref, event, keep);
    this.#deliver(ref, kept);
    this.#deliverEarlier?.(ref, kept);
    return PUBLISHED;
  }

  async publishOnce(ref: ChannelRef, event: ChannelEvent, once: Once, keep?: Retention): Promise<boolean> {
    if (!this.#marks.take(ref, once)) return false;
    await this.publish(ref, event, keep);
    return true;
  }

  #keep(ref: ChannelRef, event: ChannelEvent, keep: Retention): ChannelEvent {
    this.#cachedEvents.remember(ref, event.payload, keep);
    return this.#history.append(ref, event, keep);
  }
}
