import { isReservedChannel, type Position } from '#protocol';
import type { Once } from '../../../core/ports/nodes/idempotency.ts';
import type { Retention } from '../../../core/ports/events.ts';
import type { Broker, ChannelEvent, ChannelRef, Deliver, Replayed } from '../../../core/ports/events.ts';
import type { Receiver } from './receiver.ts';
import type { RedisMembership } from '../membership/membership.ts';
import type { Publisher } from './publisher.ts';

/** Carries events between nodes. This node's own events come back through Redis too, so all nodes see one order. */
export class RedisBroker implements Broker {
  readonly #receiver: Receiver;
  readonly #publisher: Publisher;
  readonly #membership: RedisMembership;

  constructor(deps: { receiver: Receiver; publisher: Publisher; membership: RedisMembership }) {
    this.#receiver = deps.receiver;
    this.#publisher = deps.publisher;
    this.#membership = deps.membership;
  }

  start(deliver: Deliver, replayed?: Replayed): Promise<void> {
    this.#receiver.start(deliver, replayed);
    this.#membership.start(deliver);
    return Promise.resolve();
  }

  subscribe(ref: ChannelRef): Promise<Position | undefined> {
    if (isReservedChannel(ref.channel)) this.#membership.watch(ref);
    return this.#receiver.subscribe(ref);
  }

  unsubscribe(ref: ChannelRef): Promise<void> {
    this.#membership.unwatch(ref);
    return this.#receiver.unsubscribe(ref);
  }

  publish(ref: ChannelRef, event: ChannelEvent, keep?: Retention): Promise<void> {
    return this.#publisher.publish(ref, event, keep);
  }

  publishOnce(ref: ChannelRef, event: ChannelEvent, once: Once, keep?: Retention): Promise<boolean> {
    return this.#publisher.publishOnce(ref, event, once, keep);
  }
}
