import type { Member } from '#protocol';
import { memberIn, objectTextIn, type ServerFrame } from './frame.ts';
import { MEMBER_ADDED, MEMBER_REMOVED } from './connection/subscription.ts';

/** Who hears what comes from the other side. No member may throw. */
export interface ChannelReceiver {
  event(channel: string, frame: ServerFrame): void;
  /** What a cache channel remembered when this node came to it. */
  cached(channel: string, frame: ServerFrame): void;
  /** Nobody hears the channel any more: what is awaited of it does not come. */
  lost(channel: string): void;
}

export interface PresenceReceiver extends ChannelReceiver {
  /** The members of the other side are these, from now on. */
  roster(channel: string, members: readonly Member[]): void;
  memberJoined(channel: string, member: Member): void;
  memberLeft(channel: string, id: string): void;
}

/** SPEC 11.10: news of members and events, to those whom they concern. */
export function tell(receiver: PresenceReceiver, channel: string, frame: ServerFrame): void {
  if (frame.event !== MEMBER_ADDED && frame.event !== MEMBER_REMOVED) return receiver.event(channel, frame);
  const member = memberIn(objectTextIn(frame) ?? '{}');
  if (member === undefined) return;
  if (frame.event === MEMBER_ADDED) receiver.memberJoined(channel, member);
  else receiver.memberLeft(channel, member.id);
}
