import type { Member } from '#protocol';
import type { LiveFeed } from '../live/feed.ts';
import type { ChannelRef } from '../ports/channel-ref.ts';
import type { Membership } from '../ports/membership.ts';

/** A channel of this node, with the subscriptions that it has here. */
interface OccupiedChannel {
  readonly ref: ChannelRef;
  readonly occupants: number;
}

/** Reports what changed on a channel of this node to the membership that all nodes share. */
export class MembershipReport {
  readonly #membership: Membership;
  readonly #live: LiveFeed;

  constructor(membership: Membership, live: LiveFeed) {
    this.#membership = membership;
    this.#live = live;
  }

  /**
   * Reports a subscription that was added. `member`: the user who was not on the channel here before.
   * `undefined`: only a count is reported, which is not waited for.
   */
  joined(channel: OccupiedChannel, member: Member | undefined, socketId: string): Promise<void> | undefined {
    const { ref, occupants: subscriptions } = channel;
    if (this.#live.isWatched && subscriptions === 1) this.#live.occupancy('occupied', ref);
    if (subscriptions === 1 || member !== undefined)
      return this.#membership.join(ref, { subscriptions, member, socketId });
    this.#membership.count(ref, subscriptions);
    return undefined;
  }

  /**
   * Reports a subscription that was removed. `member`: the user who is not on the channel here any more.
   * `undefined`: only a count is reported, which is not waited for.
   */
  left(channel: OccupiedChannel, member: Member | undefined): Promise<void> | undefined {
    const { ref, occupants: subscriptions } = channel;
    if (subscriptions === 0 || member !== undefined)
      return this.#membership.leave(ref, { subscriptions, member });
    this.#membership.count(ref, subscriptions);
    return undefined;
  }
}
