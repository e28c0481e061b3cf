import { performance } from 'node:perf_hooks';
import { type Credential, kindOf } from '#protocol';
import { within } from '../../../core/util/time.ts';
import type { ServerFrame } from '../../client/server-frame.ts';
import type { BridgeLimits } from '../limits.ts';
import type { UpstreamLink } from '../ports/link.ts';
import type { ChannelReceiver, SubscriptionState } from '../ports/receiver.ts';
import { sendSubscribe, SUBSCRIPTION_ERROR, SUCCEEDED, sendUnsubscribe } from './subscription.ts';

/** Subscriptions sent per tick after a reconnect, so that other work is served in between. */
const AT_A_TIME = 200;

interface ChannelSubscription {
  readonly confirmed: Promise<void>;
  confirm: () => void;
  isConfirmed: boolean;
  /** In the time of `performance.now`. */
  confirmedAtMs: number;
  /** Confirmed at least once, and its cached event received. */
  wasConfirmed: boolean;
  /** The next frame is the cached event of a cache channel. */
  awaitsCached: boolean;
}

interface ChannelSubscriptionsDeps {
  readonly link: UpstreamLink;
  readonly credential: Credential;
  readonly limits: BridgeLimits;
  readonly receiver: ChannelReceiver;
}

/** SPEC 11.6: the upstream's channels without members that this node is subscribed to, all over one connection. */
export class ChannelSubscriptions {
  readonly #deps: ChannelSubscriptionsDeps;
  readonly #subscriptions = new Map<string, ChannelSubscription>();
  #generation = 0;

  constructor(deps: ChannelSubscriptionsDeps) {
    this.#deps = deps;
  }

  get size(): number {
    return this.#subscriptions.size;
  }

  get channels(): Iterable<string> {
    return this.#subscriptions.keys();
  }

  stateOf(channel: string): SubscriptionState {
    const subscription = this.#subscriptions.get(channel);
    if (subscription === undefined || !this.#deps.link.isOpen)
      return subscription === undefined ? 'none' : 'pending';
    return subscription.isConfirmed ? 'confirmed' : 'pending';
  }

  /** How long the subscription has been confirmed without a break; 0 when it is not. */
  subscribedForMs(channel: string): number {
    if (this.stateOf(channel) !== 'confirmed') return 0;
    return performance.now() - (this.#subscriptions.get(channel)?.confirmedAtMs ?? Infinity);
  }

  /** Resolves when the upstream has confirmed, or after `subscribeWaitMs`. */
  async subscribe(channel: string): Promise<void> {
    const { link, credential, limits } = this.#deps;
    const subscription = this.#subscriptions.get(channel) ?? newSubscription();
    this.#subscriptions.set(channel, subscription);
    if (subscription.isConfirmed || !sendSubscribe(link, credential, channel)) return;
    await within(subscription.confirmed, limits.subscribeWaitMs);
  }

  /** True when the subscription is confirmed; one that is pending is awaited for `subscribeWaitMs`. */
  async isSubscribed(channel: string): Promise<boolean> {
    const subscription = this.#subscriptions.get(channel);
    if (subscription !== undefined && !subscription.isConfirmed && this.#deps.link.isOpen)
      await within(subscription.confirmed, this.#deps.limits.subscribeWaitMs);
    return this.stateOf(channel) === 'confirmed';
  }

  unsubscribe(channel: string): void {
    const subscription = this.#subscriptions.get(channel);
    if (subscription === undefined) return;
    this.#subscriptions.delete(channel);
    subscription.confirm();
    sendUnsubscribe(this.#deps.link, channel);
  }

  /** The connection is open (again): subscribes to all channels. */
  opened(): void {
    this.#generation += 1;
    this.#resubscribe([...this.#subscriptions.keys()], this.#generation);
  }

  lost(): void {
    this.#generation += 1;
    for (const subscription of this.#subscriptions.values()) {
      subscription.isConfirmed = false;
      subscription.awaitsCached = false;
      // Nothing waits for a server that cannot be reached.
      subscription.confirm();
    }
  }

  receive(frame: ServerFrame): void {
    const channel = frame.channel ?? '';
    const subscription = this.#subscriptions.get(channel);
    if (subscription === undefined) return;
    const { receiver } = this.#deps;
    if (frame.event === SUCCEEDED) return this.#confirmed(channel, subscription);
    if (frame.event === SUBSCRIPTION_ERROR) return;
    if (subscription.awaitsCached) {
      // After a reconnect it may be older than the last event that clients have received.
      if (!subscription.wasConfirmed) receiver.cachedEvent(channel, frame);
      return this.#settled(subscription);
    }
    receiver.event(channel, frame);
  }

  #confirmed(channel: string, subscription: ChannelSubscription): void {
    if (subscription.isConfirmed) return;
    subscription.isConfirmed = true;
    subscription.confirmedAtMs = performance.now();
    subscription.awaitsCached = kindOf(channel).cached;
    if (!subscription.awaitsCached) return this.#settled(subscription);
    // Reverb caches nothing on encrypted channels and sends no cache miss there: a pong shows that nothing comes.
    this.#deps.link.ping((isAlive) => {
      if (isAlive && subscription.awaitsCached) this.#settled(subscription);
    });
  }

  #settled(subscription: ChannelSubscription): void {
    subscription.awaitsCached = false;
    subscription.wasConfirmed = true;
    subscription.confirm();
  }

  #resubscribe(channels: readonly string[], generation: number): void {
    if (generation !== this.#generation) return;
    for (const channel of channels.slice(0, AT_A_TIME)) {
      const subscription = this.#subscriptions.get(channel);
      if (subscription !== undefined && !subscription.isConfirmed)
        sendSubscribe(this.#deps.link, this.#deps.credential, channel);
    }
    if (channels.length > AT_A_TIME)
      setImmediate(() => this.#resubscribe(channels.slice(AT_A_TIME), generation));
  }
}

function newSubscription(): ChannelSubscription {
  let confirm = (): void => undefined;
  const confirmed = new Promise<void>((resolve) => (confirm = resolve));
  return {
    confirmed,
    confirm,
    isConfirmed: false,
    confirmedAtMs: Infinity,
    wasConfirmed: false,
    awaitsCached: false,
  };
}
