import type { Member } from '#protocol';
import type { ServerFrame } from '../../client/server-frame.ts';

/** Subscription of this node to a channel at the upstream: `pending` while it is not confirmed, or being restored. */
export type SubscriptionState = 'none' | 'pending' | 'confirmed';

/** Receives what the upstream sends on channels without members. No member may throw. */
export interface ChannelReceiver {
  event(channel: string, frame: ServerFrame): void;
  /** The event of a cache channel that the upstream sent after the first subscription. */
  cachedEvent(channel: string, frame: ServerFrame): void;
  /** The channel is not received any more: awaited echoes do not come. */
  lost(channel: string): void;
}

/** Receives what the upstream sends on presence channels. No member may throw. */
export interface PresenceReceiver extends ChannelReceiver {
  /** An event, or the change of a member. */
  presenceFrame(channel: string, frame: ServerFrame): void;
  /** Replaces the list of the upstream's members. */
  roster(channel: string, members: readonly Member[]): void;
}
