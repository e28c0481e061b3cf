import type { Connection } from '../client/connection.ts';
import type { LiveFeed } from '../live/feed.ts';
import type { Broker, ChannelEvent, ChannelRef } from '../ports/events.ts';
import { OutcomeUnknown, Unavailable } from '../ports/failures.ts';
import type { Logger } from '../ports/logger.ts';

/** Client events of one socket that may wait for the broker before the socket's next message waits. */
const MOST_IN_FLIGHT = 64;

interface RelayDeps {
  readonly hub: { readonly live: LiveFeed; deliver(ref: ChannelRef, event: ChannelEvent): void };
  readonly broker: Broker;
  readonly logger: Logger;
}

interface PendingEvent {
  readonly from: Connection;
  readonly ref: ChannelRef;
  readonly event: ChannelEvent;
}

/** Events that the broker publishes together: it answers all of them with one promise. */
interface RelayBatch {
  readonly events: PendingEvent[];
  /** Resolves when the broker has answered; never rejects. */
  readonly settled: Promise<void>;
}

/**
 * Brings client events to the broker. They carry no guarantee: while the other nodes cannot be reached, the subscribers of
 * this node still get them.
 *
 * Brokers return one promise for all events of one batch (`Broker.publish`). The batch is found by the identity of that
 * promise, so that one handler is attached for each batch, not for each event:
 *   publish(e1) → p, publish(e2) → p    one entry: p → [e1, e2]
 *   publish(e3) → q                     the next batch: q → [e3]
 */
export class Relay {
  readonly #deps: RelayDeps;
  readonly #batches = new Map<Promise<void>, RelayBatch>();

  constructor(deps: RelayDeps) {
    this.#deps = deps;
  }

  /** A promise, which never rejects, when the socket's next message has to wait. `trace`: id of the event. */
  send(from: Connection, ref: ChannelRef, event: ChannelEvent, trace?: string): Promise<void> | undefined {
    from.traffic.published.add('client');
    const { live } = this.#deps.hub;
    if (live.isWatched) live.published(ref, event, { source: 'client', socket: from.socketId, trace });
    const published = this.#deps.broker.publish(ref, event);
    const batch = this.#batches.get(published) ?? this.#startBatch(published);
    batch.events.push({ from, ref, event });
    const limiters = (from.limiters ??= {});
    limiters.clientEventsInFlight = (limiters.clientEventsInFlight ?? 0) + 1;
    return limiters.clientEventsInFlight < MOST_IN_FLIGHT ? undefined : batch.settled;
  }

  #startBatch(published: Promise<void>): RelayBatch {
    const events: PendingEvent[] = [];
    const batch = { events, settled: this.#settle(published, events) };
    this.#batches.set(published, batch);
    return batch;
  }

  async #settle(published: Promise<void>, events: readonly PendingEvent[]): Promise<void> {
    let failure: unknown;
    try {
      await published;
    } catch (error) {
      failure = error;
    }
    this.#batches.delete(published);
    for (const pending of events) {
      const { limiters } = pending.from;
      if (limiters !== undefined) limiters.clientEventsInFlight = (limiters.clientEventsInFlight ?? 0) - 1;
      if (failure !== undefined) this.#failed(pending, failure);
    }
  }

  #failed({ ref, event }: PendingEvent, error: unknown): void {
    const { hub, logger } = this.#deps;
    // After an unknown outcome nothing is delivered here: if it was published, it arrives from the broker.
    if (error instanceof Unavailable) hub.deliver(ref, event);
    else if (!(error instanceof OutcomeUnknown))
      logger.error('Bug in Wavehall: a client event was lost. Please report this stack', error);
  }
}
