import type { Connection } from '../client/connection.ts';
import type { Hub } from './hub.ts';
import type { Broker, ChannelEvent, ChannelRef } from '../ports/cluster.ts';
import { OutcomeUnknown, Unavailable } from '../ports/failures.ts';
import type { Logger } from '../ports/logger.ts';

/** Client events of one socket that may be on their way to the others before the next one waits. */
const MOST_IN_FLIGHT = 64;

interface RelayDeps {
  readonly hub: Hub;
  readonly broker: Broker;
  readonly logger: Logger;
}

interface PendingEvent {
  readonly from: Connection;
  readonly ref: ChannelRef;
  readonly event: ChannelEvent;
}

/** What the broker takes together: it answers for all of it with one promise. */
interface PublishBatch {
  readonly passengers: PendingEvent[];
  readonly landed: Promise<void>;
}

/**
 * Brings client events to the broker. No guarantee goes with them: while the others cannot be reached, those of this
 * node are. What is watched is the broker's promise, once however many events it stands for.
 */
export class Relay {
  readonly #needs: RelayDeps;
  readonly #flights = new Map<Promise<void>, PublishBatch>();

  constructor(needs: RelayDeps) {
    this.#needs = needs;
  }

  /** A promise, which never rejects, when the socket's next message has to wait. */
  send(from: Connection, ref: ChannelRef, event: ChannelEvent): Promise<void> | undefined {
    const taken = this.#needs.broker.publish(ref, event);
    const flight = this.#flights.get(taken) ?? this.#depart(taken);
    flight.passengers.push({ from, ref, event });
    const limiters = (from.limiters ??= {});
    limiters.clientEventsInFlight = (limiters.clientEventsInFlight ?? 0) + 1;
    return limiters.clientEventsInFlight < MOST_IN_FLIGHT ? undefined : flight.landed;
  }

  #depart(taken: Promise<void>): PublishBatch {
    const passengers: PendingEvent[] = [];
    const flight = { passengers, landed: this.#land(taken, passengers) };
    this.#flights.set(taken, flight);
    return flight;
  }

  async #land(taken: Promise<void>, passengers: readonly PendingEvent[]): Promise<void> {
    let failure: unknown;
    try {
      await taken;
    } catch (error) {
      failure = error;
    }
    this.#flights.delete(taken);
    for (const passenger of passengers) {
      const { limiters } = passenger.from;
      if (limiters !== undefined) limiters.clientEventsInFlight = (limiters.clientEventsInFlight ?? 0) - 1;
      if (failure !== undefined) this.#failed(passenger, failure);
    }
  }

  #failed({ ref, event }: PendingEvent, error: unknown): void {
    const { hub, logger } = this.#needs;
    // What the others may have got comes back to this node from them, if it was published.
    if (error instanceof Unavailable) hub.deliver(ref, event);
    else if (!(error instanceof OutcomeUnknown)) logger.error('A client event could not be relayed', error);
  }
}
