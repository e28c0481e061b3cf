import { encode, kindOf, type Member } from '#protocol';
import type { App } from '../../core/app.ts';
import type { ChannelRef, Deliver } from '../../core/ports/cluster.ts';
import type { PresenceListener } from './ears.ts';
import type { Echoes } from './echo/echoes.ts';
import { isInternal, isWhisper, type RemoteFrame } from './frame.ts';
import type { BridgeLimits } from './limits.ts';
import type { BridgeCounters } from './state.ts';

/** Who hears of the other side's members. */
export interface MemberEars {
  others(ref: ChannelRef, members: readonly Member[]): void;
  otherCame(ref: ChannelRef, member: Member): void;
  otherWent(ref: ChannelRef, id: string): void;
  /** How many of them there are. */
  othersOn(ref: ChannelRef): number;
}

export interface ReceptionNeeds {
  readonly app: App;
  readonly limits: BridgeLimits;
  readonly figures: BridgeCounters;
  readonly echoes: Echoes;
  /** To this node's own sockets. */
  readonly deliver: Deliver;
  readonly members: MemberEars;
  /** The last event of a cache channel. */
  readonly remember: (ref: ChannelRef, payload: string) => void;
}

/** What comes from the other side, brought to this node's own clients (SPEC 11.6, 11.9 to 11.11). */
export class Reception implements PresenceListener {
  readonly #needs: ReceptionNeeds;

  constructor(needs: ReceptionNeeds) {
    this.#needs = needs;
  }

  event(channel: string, frame: RemoteFrame): void {
    this.#needs.echoes.hear(channel, frame, () => this.#pass(channel, frame));
  }

  /** SPEC 11.11. A cache miss is internal, too. */
  cached(channel: string, frame: RemoteFrame): void {
    if (isInternal(frame.event) || isWhisper(frame.event)) return;
    const payload = payloadOf(channel, frame);
    if (payload !== undefined) this.#needs.remember(this.#ref(channel), payload);
  }

  deaf(channel: string): void {
    this.#needs.echoes.lost(channel);
  }

  roster(channel: string, members: readonly Member[]): void {
    const { limits, figures } = this.#needs;
    if (members.length > limits.members) figures.drop('too-many-members', members.length - limits.members);
    this.#needs.members.others(this.#ref(channel), members.slice(0, limits.members));
  }

  came(channel: string, member: Member): void {
    const { limits, figures, members } = this.#needs;
    const ref = this.#ref(channel);
    if (members.othersOn(ref) < limits.members) members.otherCame(ref, member);
    else figures.drop('too-many-members');
  }

  went(channel: string, id: string): void {
    this.#needs.members.otherWent(this.#ref(channel), id);
  }

  #pass(channel: string, frame: RemoteFrame): void {
    const { figures, remember, deliver } = this.#needs;
    const payload = payloadOf(channel, frame);
    if (payload === undefined) return;
    const ref = this.#ref(channel);
    if (isWhisper(frame.event)) {
      figures.whispersReceived += 1;
      deliver(ref, { payload, bestEffort: true });
    } else {
      figures.received += 1;
      remember(ref, payload);
      deliver(ref, { payload });
    }
  }

  #ref(channel: string): ChannelRef {
    return { app: this.#needs.app.id, channel };
  }
}

/** Data is the text that came: what rounds it would change it. */
function payloadOf(channel: string, { event, dataJson, userId }: RemoteFrame): string | undefined {
  const user = isWhisper(event) && kindOf(channel).members ? userId : undefined;
  return dataJson === undefined ? undefined : encode.event(event, dataJson, channel, user);
}
