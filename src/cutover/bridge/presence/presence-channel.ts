import { type Credential, kindOf, type Member } from '#protocol';
import { Serial } from '../../../core/util/serial.ts';
import { within } from '../../../core/util/time.ts';
import { Signal } from '../connection/signal.ts';
import type { MemberSlot, SlotOwner } from './member-connection.ts';
import type { PresenceListener } from '../ears.ts';
import type { Hearing } from '../echo/echoes.ts';
import { objectTextIn, type RemoteFrame, rosterIn } from '../frame.ts';
import type { BridgeLimits } from '../limits.ts';
import { Listener } from './listener.ts';
import { successor } from './successor.ts';
import type { Pool } from './pool.ts';
import type { BridgeCounters } from '../state.ts';
import { subscribeAs, SUBSCRIPTION_ERROR, SUCCEEDED, unsubscribe } from '../connection/subscription.ts';
import { MemberClientEvents } from './member-client-events.ts';

export interface PresenceChannelNeeds {
  readonly pool: Pool;
  readonly credential: Credential;
  readonly limits: BridgeLimits;
  readonly figures: BridgeCounters;
  readonly ears: PresenceListener;
  isAway(): boolean;
}

/**
 * SPEC 11.10: one presence channel as this node is in it at the other side: a connection for each of its members, of
 * which one, the listener, is heard. Coming, going, whispers and hand-overs happen one after the other.
 */
export class PresenceChannel implements SlotOwner {
  readonly channel: string;
  readonly #needs: PresenceChannelNeeds;
  /** By the member's id. */
  readonly #seats = new Map<string, MemberSlot>();
  readonly #gate = new Serial();
  readonly #listener: Listener;
  readonly voices: MemberClientEvents;
  readonly #rosterKnown = new Signal();
  #isOver = false;
  #isGreeted = false;

  constructor(channel: string, needs: PresenceChannelNeeds) {
    this.channel = channel;
    this.#needs = needs;
    this.#listener = new Listener({ ...needs, channel });
    this.voices = new MemberClientEvents({
      seats: this.#seats,
      listener: this.#listener,
      gate: this.#gate,
      limits: needs.limits,
      isAway: () => needs.isAway(),
    });
  }

  get members(): number {
    return this.#seats.size;
  }

  /** Nobody but this user is here, or nobody could be brought there at all. */
  isAlone(id: string): boolean {
    return this.#seats.size === 0 || (this.#seats.size === 1 && this.#seats.has(id));
  }

  get hearing(): Hearing {
    if (this.#seats.size === 0) return 'no';
    return this.#listener.seat === undefined ? 'soon' : 'yes';
  }

  /** Resolves when the roster of the other side is known; soon, whatever it does. */
  async join(member: Member): Promise<void> {
    const seat = this.#needs.pool.take(this, member);
    if (seat === undefined) return;
    this.#seats.set(member.id, seat);
    this.#ask(seat);
    if (this.#listener.seat !== undefined || this.#needs.isAway()) return;
    await within(this.#rosterKnown.next(), this.#needs.limits.subscribeWaitMs);
  }

  leave(id: string): void {
    const seat = this.#seats.get(id);
    if (seat === undefined) return;
    this.#seats.delete(id);
    void this.#depart(seat);
  }

  /** The last member of this node has gone. */
  close(): void {
    this.#isOver = true;
    const seats = [...this.#seats.values()];
    this.#seats.clear();
    this.#listener.close();
    this.#rosterKnown.ring();
    void this.#gate.run(async () => {
      for (const seat of seats) this.#free(seat);
      await Promise.resolve();
    });
  }

  /** Resolves when all that was on its way has been heard. */
  async barrier(): Promise<void> {
    await this.#gate.run(async () => {
      await this.#listener.seat?.link.barrier();
    });
  }

  // --- what a seat tells -----------------------------------------------------------------------

  opened(seat: MemberSlot): void {
    this.#ask(seat);
  }

  /** Another connection that is there goes on; else the first that comes back. */
  lost(seat: MemberSlot): void {
    seat.isConfirmed = false;
    if (seat !== this.#listener.seat || this.#isOver) return;
    this.#listener.lost();
    const next = [...this.#seats.values()].find(({ isConfirmed }) => isConfirmed);
    if (next !== undefined) void this.#adopt(next);
  }

  heard(seat: MemberSlot, frame: RemoteFrame): void {
    if (frame.event === SUCCEEDED) return this.#confirmed(seat, frame);
    if (frame.event === SUBSCRIPTION_ERROR) return;
    if (seat.awaitsCached) return this.#greeted(seat, frame);
    this.#listener.heard(seat, frame);
  }

  // --- within ----------------------------------------------------------------------------------

  #ask(seat: MemberSlot): void {
    subscribeAs(seat.link, this.#needs.credential, this.channel, seat.member);
  }

  #confirmed(seat: MemberSlot, frame: RemoteFrame): void {
    seat.confirm();
    if (kindOf(this.channel).cached) {
      seat.awaitsCached = true;
      seat.link.ping(() => {
        seat.awaitsCached = false;
        this.#rosterKnown.ring();
      });
    }
    if (!this.#isWanted(seat)) return;
    this.#listener.become(seat);
    this.#needs.ears.roster(this.channel, rosterIn(objectTextIn(frame)));
    if (!seat.awaitsCached) this.#rosterKnown.ring();
  }

  /** SPEC 11.11: every subscription is greeted with what the channel remembers; that is no news but the first time. */
  #greeted(seat: MemberSlot, frame: RemoteFrame): void {
    seat.awaitsCached = false;
    if (seat === this.#listener.seat && !this.#isGreeted) this.#needs.ears.cached(this.channel, frame);
    this.#isGreeted = true;
    this.#rosterKnown.ring();
  }

  /** Nobody listens, and this member has not left meanwhile. */
  #isWanted(seat: MemberSlot): boolean {
    const isHere = !this.#isOver && this.#seats.get(seat.member.id) === seat;
    return isHere && this.#listener.seat === undefined;
  }

  /** Subscribing again brings the roster; who refuses to say it twice is listened to without one. */
  async #adopt(seat: MemberSlot): Promise<void> {
    this.#ask(seat);
    await within(this.#rosterKnown.next(), this.#needs.limits.subscribeWaitMs);
    if (this.#isWanted(seat) && seat.isConfirmed) this.#listener.become(seat);
  }

  /** Who is heard stays until there is an heir; whispers do not wait for that. */
  async #depart(seat: MemberSlot): Promise<void> {
    if (seat === this.#listener.seat) await successor(seat, this.#seats, this.#needs.limits.heirWaitMs);
    await this.#gate.run(() => this.#vacate(seat));
  }

  async #vacate(seat: MemberSlot): Promise<void> {
    if (seat === this.#listener.seat) await this.#listener.handOver(this.#seats);
    this.#free(seat);
    // Nobody could go on, or the heir's connection was lost in the moment of the hand-over.
    const { seat: heard } = this.#listener;
    if (heard?.isConfirmed === false) this.lost(heard);
  }

  #free(seat: MemberSlot): void {
    unsubscribe(seat.link, this.channel);
    seat.isConfirmed = false;
    this.#needs.pool.release(seat);
  }
}
