import { encode, isReservedChannel, kindOf } from '#protocol';
import { channelKey } from '../util/channel-key.ts';
import type { App } from '../app.ts';
import type { Clock } from '../ports/clock.ts';
import type { Broker, ChannelRef, Membership } from '../ports/cluster.ts';
import type { Logger } from '../ports/logger.ts';

/** SPEC 3.9: every change is told up to this many subscribers, above it one per pause. */
export const EVERY_CHANGE_UP_TO = 100;
export const THROTTLE_MS = 5000;

/** A channel that is not told of every change: its number is being looked up, or it is large. */
interface Throttle {
  readonly ref: ChannelRef;
  untilMs: number;
  changed: boolean;
}

/** Tells subscribers how many they are, where the app wants it. */
export class SubscriptionCounter {
  readonly #membership: Membership;
  readonly #broker: Broker;
  readonly #logger: Logger;
  readonly #clock: Clock;
  readonly #pauses = new Map<string, Throttle>();

  constructor(needs: { membership: Membership; broker: Broker; logger: Logger; clock: Clock }) {
    this.#membership = needs.membership;
    this.#broker = needs.broker;
    this.#logger = needs.logger;
    this.#clock = needs.clock;
  }

  /** Never throws and never waits: a count that cannot be told now is told with the next change. */
  changed(app: App, ref: ChannelRef): void {
    if (!app.subscriptionCounts || kindOf(ref.channel).members || isReservedChannel(ref.channel)) return;
    const pause = this.#pauses.get(channelKey(ref));
    if (pause === undefined) this.#announce(ref);
    else pause.changed = true;
  }

  /** Called about once a second. */
  tick(): void {
    const now = this.#clock();
    for (const pause of this.#pauses.values()) if (pause.untilMs <= now) this.#end(pause);
  }

  #announce(ref: ChannelRef): void {
    const pause: Throttle = { ref, untilMs: Infinity, changed: false };
    this.#pauses.set(channelKey(ref), pause);
    this.#publish(ref).then(
      (subscriptions) => {
        if (subscriptions > EVERY_CHANGE_UP_TO) pause.untilMs = this.#clock() + THROTTLE_MS;
        else this.#end(pause);
      },
      (error: unknown) => {
        this.#logger.error('A subscription count was not told', error);
        this.#pauses.delete(channelKey(ref));
      },
    );
  }

  #end({ ref, changed }: Throttle): void {
    this.#pauses.delete(channelKey(ref));
    if (changed) this.#announce(ref);
  }

  async #publish(ref: ChannelRef): Promise<number> {
    const { subscriptions } = await this.#membership.occupancy(ref);
    if (subscriptions === 0) return 0;
    const payload = encode.subscriptionCount(ref.channel, subscriptions);
    await this.#broker.publish(ref, { payload, bestEffort: true });
    return subscriptions;
  }
}
