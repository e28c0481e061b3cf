import { encode, isReservedChannel, kindOf } from '#protocol';
import type { App } from './app.ts';
import type { Broker, ChannelRef, Clock, Journal, Membership } from './ports.ts';

/** SPEC 3.9: every change is told up to this many subscribers, above it one per pause. */
export const EVERY_CHANGE_UP_TO = 100;
export const PAUSE_MS = 5000;

/** Tells subscribers how many they are, where the app wants it. */
export class Announcer {
  readonly #membership: Membership;
  readonly #broker: Broker;
  readonly #journal: Journal;
  readonly #clock: Clock;
  /** Large channels: when they may be told again, and whether there is something to tell. */
  readonly #pauses = new Map<
    string,
    { readonly ref: ChannelRef; readonly untilMs: number; changed: boolean }
  >();

  constructor(needs: { membership: Membership; broker: Broker; journal: Journal; clock: Clock }) {
    this.#membership = needs.membership;
    this.#broker = needs.broker;
    this.#journal = needs.journal;
    this.#clock = needs.clock;
  }

  /** Never throws and never waits: a count that cannot be told now is told with the next change. */
  changed(app: App, ref: ChannelRef): void {
    if (!app.subscriptionCounts || kindOf(ref.channel).members || isReservedChannel(ref.channel)) return;
    const pause = this.#pauses.get(keyOf(ref));
    if (pause === undefined) this.#announce(ref);
    else pause.changed = true;
  }

  /** Called about once a second. */
  tick(): void {
    const now = this.#clock();
    for (const [key, { ref, untilMs, changed }] of this.#pauses) {
      if (untilMs > now) continue;
      this.#pauses.delete(key);
      if (changed) this.#announce(ref);
    }
  }

  #announce(ref: ChannelRef): void {
    this.#publish(ref).catch((error: unknown) =>
      this.#journal.defect('A subscription count was not told', error),
    );
  }

  async #publish(ref: ChannelRef): Promise<void> {
    const { subscriptions } = await this.#membership.occupancy(ref);
    if (subscriptions === 0) return;
    if (subscriptions > EVERY_CHANGE_UP_TO) {
      this.#pauses.set(keyOf(ref), { ref, untilMs: this.#clock() + PAUSE_MS, changed: false });
    }
    const payload = encode.subscriptionCount(ref.channel, subscriptions);
    await this.#broker.publish(ref, { payload, bestEffort: true });
  }
}

const keyOf = ({ app, channel }: ChannelRef): string => `${app}\n${channel}`;
