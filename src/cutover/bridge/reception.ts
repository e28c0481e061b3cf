import { encode, kindOf, type Member } from '#protocol';
import type { App } from '../../core/app.ts';
import type { ChannelRef, Deliver } from '../../core/ports/cluster.ts';
import type { PresenceReceiver } from './receiver.ts';
import type { Echoes } from './echo/echoes.ts';
import { isInternal, isClientEvent, type ServerFrame } from './frame.ts';
import type { BridgeLimits } from './limits.ts';
import type { BridgeCounters } from './state.ts';

/** Who hears of the other side's members. */
export interface UpstreamMemberListener {
  upstreamRoster(ref: ChannelRef, members: readonly Member[]): void;
  upstreamJoined(ref: ChannelRef, member: Member): void;
  upstreamLeft(ref: ChannelRef, id: string): void;
  /** How many of them there are. */
  upstreamCount(ref: ChannelRef): number;
}

export interface ReceptionDeps {
  readonly app: App;
  readonly limits: BridgeLimits;
  readonly counters: BridgeCounters;
  readonly echoes: Echoes;
  /** To this node's own sockets. */
  readonly deliver: Deliver;
  readonly members: UpstreamMemberListener;
  /** The last event of a cache channel. */
  readonly remember: (ref: ChannelRef, payload: string) => void;
}

/** What comes from the other side, brought to this node's own clients (SPEC 11.6, 11.9 to 11.11). */
export class Reception implements PresenceReceiver {
  readonly #deps: ReceptionDeps;

  constructor(deps: ReceptionDeps) {
    this.#deps = deps;
  }

  event(channel: string, frame: ServerFrame): void {
    this.#deps.echoes.hear(channel, frame, () => this.#pass(channel, frame));
  }

  /** SPEC 11.11. A cache miss is internal, too. */
  cached(channel: string, frame: ServerFrame): void {
    if (isInternal(frame.event) || isClientEvent(frame.event)) return;
    const payload = payloadOf(channel, frame);
    if (payload !== undefined) this.#deps.remember(this.#ref(channel), payload);
  }

  lost(channel: string): void {
    this.#deps.echoes.lost(channel);
  }

  roster(channel: string, members: readonly Member[]): void {
    const { limits, counters } = this.#deps;
    if (members.length > limits.members) counters.drop('too-many-members', members.length - limits.members);
    this.#deps.members.upstreamRoster(this.#ref(channel), members.slice(0, limits.members));
  }

  memberJoined(channel: string, member: Member): void {
    const { limits, counters, members } = this.#deps;
    const ref = this.#ref(channel);
    if (members.upstreamCount(ref) < limits.members) members.upstreamJoined(ref, member);
    else counters.drop('too-many-members');
  }

  memberLeft(channel: string, id: string): void {
    this.#deps.members.upstreamLeft(this.#ref(channel), id);
  }

  #pass(channel: string, frame: ServerFrame): void {
    const { counters, remember, deliver } = this.#deps;
    const payload = payloadOf(channel, frame);
    if (payload === undefined) return;
    const ref = this.#ref(channel);
    if (isClientEvent(frame.event)) {
      counters.add('clientEventsReceived');
      deliver(ref, { payload, bestEffort: true });
    } else {
      counters.add('received');
      remember(ref, payload);
      deliver(ref, { payload });
    }
  }

  #ref(channel: string): ChannelRef {
    return { app: this.#deps.app.id, channel };
  }
}

/** Data is the text that came: what rounds it would change it. */
function payloadOf(channel: string, { event, dataJson, userId }: ServerFrame): string | undefined {
  const user = isClientEvent(event) && kindOf(channel).members ? userId : undefined;
  return dataJson === undefined ? undefined : encode.event(event, dataJson, channel, user);
}
