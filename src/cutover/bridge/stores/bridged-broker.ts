import { isReservedChannel, kindOf } from '#protocol';
import type { App } from '../../../core/app.ts';
import type { Once } from '../../../core/ports/nodes/idempotency.ts';
import type { Retention } from '../../../core/ports/events.ts';
import type { Broker, ChannelEvent, ChannelRef, Deliver, Replayed } from '../../../core/ports/events.ts';
import { isForwarded } from '../outgoing/published.ts';
import type { BridgedCachedEvents } from './cached-events.ts';

/** Events of one app's bridge. */
export interface UpstreamEvents {
  /** Resolves when the upstream has confirmed the subscription, or soon. */
  subscribe(channel: string): Promise<void>;
  unsubscribe(channel: string): void;
  /** True when the event is a note of another node's bridge. */
  receiveNote(ref: ChannelRef, payload: string): boolean;
  readonly dispatch: {
    /** Forwards an event that was published on this side. Never rejects. */
    publish(ref: ChannelRef, event: ChannelEvent): Promise<void>;
  };
}

interface BridgedBrokerDeps {
  readonly inner: Broker;
  readonly cachedEvents: BridgedCachedEvents;
  readonly apps: ReadonlyMap<string, App>;
  readonly upstreamOf: (ref: ChannelRef) => UpstreamEvents | undefined;
}

/** SPEC 11.6, 11.7: the broker; what is published through it and subscribed to reaches the upstream as well. */
export class BridgedBroker implements Broker {
  readonly #deps: BridgedBrokerDeps;
  #deliver: Deliver = () => undefined;

  constructor(deps: BridgedBrokerDeps) {
    this.#deps = deps;
  }

  start(deliver: Deliver, replayed?: Replayed): Promise<void> {
    this.#deliver = deliver;
    return this.#deps.inner.start((ref, event) => {
      if (this.#upstream(ref)?.receiveNote(ref, event.payload)) return;
      if (event.bestEffort !== true && isForwarded(ref, event)) this.remember(ref, event.payload);
      deliver(ref, event);
    }, replayed);
  }

  /** Without a position: events of the upstream are in no history, so that nobody can be sent what they missed (SPEC 13.1). */
  async subscribe(ref: ChannelRef): Promise<undefined> {
    const kind = kindOf(ref.channel);
    const { inner, cachedEvents } = this.#deps;
    if (isBridged(ref) && kind.cached) cachedEvents.hold(ref);
    const subscribed =
      isBridged(ref) && !kind.members ? this.#upstream(ref)?.subscribe(ref.channel) : undefined;
    await Promise.all([inner.subscribe(ref), subscribed]);
  }

  async unsubscribe(ref: ChannelRef): Promise<void> {
    const { inner, cachedEvents } = this.#deps;
    cachedEvents.drop(ref);
    if (isBridged(ref)) this.#upstream(ref)?.unsubscribe(ref.channel);
    await inner.unsubscribe(ref);
  }

  async publish(ref: ChannelRef, event: ChannelEvent, keep?: Retention): Promise<void> {
    await this.#deps.inner.publish(ref, event, keep);
    await this.#upstream(ref)?.dispatch.publish(ref, event);
  }

  /** An event that any node published before went to the upstream then. */
  async publishOnce(ref: ChannelRef, event: ChannelEvent, once: Once, keep?: Retention): Promise<boolean> {
    const isFirst = await this.#deps.inner.publishOnce(ref, event, once, keep);
    if (isFirst) await this.#upstream(ref)?.dispatch.publish(ref, event);
    return isFirst;
  }

  /** Delivers an event of the upstream to this node's own clients. */
  deliver(ref: ChannelRef, event: ChannelEvent): void {
    this.#deliver(ref, event);
  }

  /** Keeps the last event of a cache channel. */
  remember(ref: ChannelRef, payload: string): void {
    const app = this.#deps.apps.get(ref.app);
    if (app !== undefined && kindOf(ref.channel).cached)
      this.#deps.cachedEvents.remember(ref, payload, app.cacheTtlSeconds);
  }

  #upstream(ref: ChannelRef): UpstreamEvents | undefined {
    return this.#deps.upstreamOf(ref);
  }
}

/** Reverb treats `presence…` without a dash as presence, too: a bridge without a member would spoil its roster. */
const isBridged = ({ channel }: ChannelRef): boolean =>
  !isReservedChannel(channel) && (kindOf(channel).members || !channel.startsWith('presence'));
