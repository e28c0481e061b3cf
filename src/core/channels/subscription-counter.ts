import { encode, isReservedChannel, kindOf } from '#protocol';
import { channelMapKey } from '../util/channel-map-key.ts';
import type { App } from '../app.ts';
import type { Clock } from '../ports/clock.ts';
import type { Broker, ChannelRef } from '../ports/events.ts';
import type { Membership } from '../ports/membership.ts';
import type { Logger } from '../ports/logger.ts';

/** SPEC 3.9: up to this many subscribers each change is sent; above it, one count per `THROTTLE_MS`. */
export const EVERY_CHANGE_UP_TO = 100;
export const THROTTLE_MS = 5000;

/** A channel whose next count waits: one is being published (`untilMs` is Infinity), or the channel is large. */
interface Throttle {
  readonly ref: ChannelRef;
  untilMs: number;
  changed: boolean;
}

/** Sends subscribers the number of subscribers, for apps that turn it on. */
export class SubscriptionCounter {
  readonly #membership: Membership;
  readonly #broker: Broker;
  readonly #logger: Logger;
  readonly #clock: Clock;
  readonly #throttles = new Map<string, Throttle>();

  constructor(deps: { membership: Membership; broker: Broker; logger: Logger; clock: Clock }) {
    this.#membership = deps.membership;
    this.#broker = deps.broker;
    this.#logger = deps.logger;
    this.#clock = deps.clock;
  }

  /** Never throws and never waits: a count that cannot be sent now is sent with the next change. */
  changed(app: App, ref: ChannelRef): void {
    if (!app.subscriptionCounts || kindOf(ref.channel).members || isReservedChannel(ref.channel)) return;
    const throttle = this.#throttles.get(channelMapKey(ref));
    if (throttle === undefined) this.#send(ref);
    else throttle.changed = true;
  }

  /** Called about once a second. */
  tick(): void {
    const now = this.#clock();
    for (const throttle of this.#throttles.values()) if (throttle.untilMs <= now) this.#end(throttle);
  }

  #send(ref: ChannelRef): void {
    const throttle: Throttle = { ref, untilMs: Infinity, changed: false };
    this.#throttles.set(channelMapKey(ref), throttle);
    this.#publish(ref).then(
      (subscriptions) => {
        if (subscriptions > EVERY_CHANGE_UP_TO) throttle.untilMs = this.#clock() + THROTTLE_MS;
        else this.#end(throttle);
      },
      (error: unknown) => {
        this.#logger.error(
          'Bug in Wavehall: a subscription count was not sent. Please report this stack',
          error,
        );
        this.#throttles.delete(channelMapKey(ref));
      },
    );
  }

  #end({ ref, changed }: Throttle): void {
    this.#throttles.delete(channelMapKey(ref));
    if (changed) this.#send(ref);
  }

  async #publish(ref: ChannelRef): Promise<number> {
    const { subscriptions } = await this.#membership.occupancy(ref);
    if (subscriptions === 0) return 0;
    const payload = encode.subscriptionCount(ref.channel, subscriptions);
    await this.#broker.publish(ref, { payload, bestEffort: true });
    return subscriptions;
  }
}
