import { isReservedChannel } from '#protocol';
import type { Retention } from '../../core/app.ts';
import type { Broker, ChannelEvent, ChannelRef, Deliver } from '../../core/ports/cluster.ts';
import type { Receiver } from './events/receiver.ts';
import type { RedisMembership } from './membership/membership.ts';
import type { Publisher } from './events/publisher.ts';

/** Events between nodes: one road, also for this node's own. */
export class RedisBroker implements Broker {
  readonly #listener: Receiver;
  readonly #publisher: Publisher;
  readonly #membership: RedisMembership;

  constructor(needs: { listener: Receiver; publisher: Publisher; membership: RedisMembership }) {
    this.#listener = needs.listener;
    this.#publisher = needs.publisher;
    this.#membership = needs.membership;
  }

  start(deliver: Deliver): Promise<void> {
    this.#listener.start(deliver);
    this.#membership.start(deliver);
    return Promise.resolve();
  }

  subscribe(ref: ChannelRef): Promise<void> {
    if (isReservedChannel(ref.channel)) this.#membership.watch(ref);
    return this.#listener.subscribe(ref);
  }

  unsubscribe(ref: ChannelRef): Promise<void> {
    this.#membership.unwatch(ref);
    return this.#listener.unsubscribe(ref);
  }

  publish(ref: ChannelRef, event: ChannelEvent, keep?: Retention): Promise<void> {
    return this.#publisher.publish(ref, event, keep);
  }
}
