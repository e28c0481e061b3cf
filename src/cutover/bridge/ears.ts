import type { Member } from '#protocol';
import { memberIn, objectTextIn, type RemoteFrame } from './frame.ts';
import { MEMBER_ADDED, MEMBER_REMOVED } from './connection/subscription.ts';

/** Who hears what comes from the other side. No member may throw. */
export interface ChannelListener {
  event(channel: string, frame: RemoteFrame): void;
  /** What a cache channel remembered when this node came to it. */
  cached(channel: string, frame: RemoteFrame): void;
  /** Nobody hears the channel any more: what is awaited of it does not come. */
  deaf(channel: string): void;
}

export interface PresenceListener extends ChannelListener {
  /** The members of the other side are these, from now on. */
  roster(channel: string, members: readonly Member[]): void;
  came(channel: string, member: Member): void;
  went(channel: string, id: string): void;
}

/** SPEC 11.10: news of members and events, to those whom they concern. */
export function tell(ears: PresenceListener, channel: string, frame: RemoteFrame): void {
  if (frame.event !== MEMBER_ADDED && frame.event !== MEMBER_REMOVED) return ears.event(channel, frame);
  const member = memberIn(objectTextIn(frame) ?? '{}');
  if (member === undefined) return;
  if (frame.event === MEMBER_ADDED) ears.came(channel, member);
  else ears.went(channel, member.id);
}
