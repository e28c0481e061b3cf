import type { Member } from '#protocol';
import type { ChannelRef } from '../../../core/ports/channel-ref.ts';
import { objectTextIn } from '../../client/read-frame.ts';
import type { ServerFrame } from '../../client/server-frame.ts';
import { memberIn } from '../connection/member-frames.ts';
import { MEMBER_ADDED, MEMBER_REMOVED } from '../connection/subscription.ts';
import type { BridgeLimits } from '../limits.ts';
import type { PresenceReceiver } from '../ports/receiver.ts';
import type { BridgeCounters } from '../status/counters.ts';
import type { LocalDelivery } from './local-delivery.ts';

/** Receives the members of the upstream's presence channels. */
export interface UpstreamMemberListener {
  /** Replaces the list of the upstream's members. */
  upstreamRoster(ref: ChannelRef, members: readonly Member[]): void;
  upstreamJoined(ref: ChannelRef, member: Member): void;
  upstreamLeft(ref: ChannelRef, id: string): void;
  /** Number of the upstream's members that are listed. */
  upstreamCount(ref: ChannelRef): number;
}

export interface IncomingFramesDeps {
  readonly appId: string;
  readonly limits: BridgeLimits;
  readonly counters: BridgeCounters;
  readonly members: UpstreamMemberListener;
  /** Drops echoes; what it passes on goes to `delivery`. */
  readonly filter: { receive(channel: string, frame: ServerFrame): void };
  readonly echoes: { lost(channel: string): void };
  readonly delivery: LocalDelivery;
}

/** SPEC 11.6, 11.10, 11.11: sorts what comes from the upstream: events to the echo filter, changes of members to the roster. */
export class IncomingFrames implements PresenceReceiver {
  readonly #deps: IncomingFramesDeps;

  constructor(deps: IncomingFramesDeps) {
    this.#deps = deps;
  }

  event(channel: string, frame: ServerFrame): void {
    this.#deps.filter.receive(channel, frame);
  }

  presenceFrame(channel: string, frame: ServerFrame): void {
    if (frame.event !== MEMBER_ADDED && frame.event !== MEMBER_REMOVED) return this.event(channel, frame);
    const member = memberIn(objectTextIn(frame) ?? '{}');
    if (member === undefined) return;
    if (frame.event === MEMBER_ADDED) this.#memberJoined(channel, member);
    else this.#deps.members.upstreamLeft(this.#ref(channel), member.id);
  }

  cachedEvent(channel: string, frame: ServerFrame): void {
    this.#deps.delivery.cachedEvent(channel, frame);
  }

  roster(channel: string, members: readonly Member[]): void {
    const { limits, counters } = this.#deps;
    if (members.length > limits.members) counters.drop('too-many-members', members.length - limits.members);
    this.#deps.members.upstreamRoster(this.#ref(channel), members.slice(0, limits.members));
  }

  lost(channel: string): void {
    this.#deps.echoes.lost(channel);
  }

  #memberJoined(channel: string, member: Member): void {
    const { limits, counters, members } = this.#deps;
    const ref = this.#ref(channel);
    if (members.upstreamCount(ref) < limits.members) members.upstreamJoined(ref, member);
    else counters.drop('too-many-members');
  }

  #ref(channel: string): ChannelRef {
    return { app: this.#deps.appId, channel };
  }
}
