import { type Credential, kindOf, type Member } from '#protocol';
import { Serial } from '../../core/serial.ts';
import type { Hearing } from './echoes.ts';
import { type RemoteFrame, rosterIn } from './frame.ts';
import { HandOver } from './hand-over.ts';
import type { BridgeLimits } from './limits.ts';
import type { Pool, Seat, Sitter } from './pool.ts';
import { type RoomEars, tell } from './room-ears.ts';
import type { Figures } from './state.ts';
import { successor } from './successor.ts';
import { subscribeAs, SUBSCRIPTION_ERROR, SUCCEEDED, unsubscribe, within } from './subscription.ts';

export interface RoomNeeds {
  readonly pool: Pool;
  readonly credential: Credential;
  readonly limits: BridgeLimits;
  readonly figures: Figures;
  readonly ears: RoomEars;
  isAway(): boolean;
}

/**
 * SPEC 11.10: one presence channel as this node is in it at the other side: a connection for each of its members, of
 * which one, the listener, is heard. Coming, going, whispers and hand-overs happen one after the other.
 */
export class Room implements Sitter {
  readonly channel: string;
  readonly #needs: RoomNeeds;
  readonly #seats = new Map<string, Seat>();
  readonly #gate = new Serial();
  #listener: Seat | undefined;
  #handOver: { readonly to: Seat; readonly process: HandOver } | undefined;
  #whispers = 0;
  #deafSinceMs: number | undefined;
  #grace: NodeJS.Timeout | undefined;
  #heard: (() => void)[] = [];
  #isOver = false;
  #isGreeted = false;

  constructor(channel: string, needs: RoomNeeds) {
    this.channel = channel;
    this.#needs = needs;
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
    return this.#listener === undefined ? 'soon' : 'yes';
  }

  /** Resolves when the roster of the other side is known; soon, whatever it does. */
  async join(member: Member): Promise<void> {
    const seat = this.#needs.pool.take(this, member);
    if (seat === undefined) return;
    this.#seats.set(member.id, seat);
    this.#ask(seat);
    if (this.#listener !== undefined || this.#needs.isAway()) return;
    const isInTime = await within(this.#untilHeard(), this.#needs.limits.subscribeWaitMs);
    if (!isInTime && seat.link.isOpen && !this.#isOver) this.#needs.ears.subscribed(false);
  }

  leave(id: string): void {
    const seat = this.#seats.get(id);
    if (seat === undefined) return;
    this.#seats.delete(id);
    void this.#gate.run(() => this.#vacate(seat));
  }

  /** The last member of this node has gone. */
  close(): void {
    this.#isOver = true;
    clearTimeout(this.#grace);
    const seats = [...this.#seats.values()];
    this.#seats.clear();
    this.#listener = undefined;
    this.#resolveHeard();
    this.#needs.ears.deaf(this.channel);
    void this.#gate.run(async () => {
      for (const seat of seats) this.#free(seat);
      await Promise.resolve();
    });
  }

  /** `announce` is given whether the whisper comes back to this node. False: it could not be sent. */
  async whisper(
    user: string | undefined,
    text: string,
    announce: (isHeardHere: boolean) => Promise<void>,
  ): Promise<boolean> {
    if (this.#whispers >= this.#needs.limits.waitingWhispers) return false;
    this.#whispers += 1;
    const seat = this.#seats.get(user ?? '');
    // Who has just come may say something before the other side knows him.
    if (seat?.isConfirmed === false && !this.#needs.isAway())
      await within(seat.untilConfirmed(), this.#needs.limits.subscribeWaitMs);
    const isSent = await this.#gate.run(async () => {
      if (seat?.isConfirmed !== true) return false;
      await announce(this.#listener !== undefined && this.#listener !== seat);
      return seat.link.write(text);
    });
    this.#whispers -= 1;
    return isSent;
  }

  /** Resolves when all that was on its way has been heard. */
  async barrier(): Promise<void> {
    await this.#gate.run(async () => {
      await this.#listener?.link.barrier();
    });
  }

  // --- what a seat tells -----------------------------------------------------------------------

  opened(seat: Seat): void {
    this.#ask(seat);
  }

  lost(seat: Seat): void {
    seat.isConfirmed = false;
    if (seat !== this.#listener) return;
    this.#listener = undefined;
    this.#handOver = undefined;
    this.#deaf();
  }

  heard(seat: Seat, frame: RemoteFrame): void {
    if (frame.event === SUCCEEDED) return this.#confirmed(seat, frame);
    if (frame.event === SUBSCRIPTION_ERROR) return this.#needs.ears.subscribed(false);
    if (seat.awaitsCached) return this.#greeted(seat, frame);
    const handOver = this.#handOver;
    if (handOver !== undefined && seat === handOver.to) handOver.process.heardTo(frame);
    else if (seat !== this.#listener) return;
    else if (handOver !== undefined) handOver.process.heardFrom(frame);
    else this.#pass(frame);
  }

  /** SPEC 11.11: every subscription is greeted with what the channel remembers; that is no news but the first time. */
  #greeted(seat: Seat, frame: RemoteFrame): void {
    seat.awaitsCached = false;
    if (seat === this.#listener && !this.#isGreeted) this.#needs.ears.cached(this.channel, frame);
    this.#isGreeted = true;
    this.#resolveHeard();
  }

  // --- within ----------------------------------------------------------------------------------

  #ask(seat: Seat): void {
    subscribeAs(seat.link, this.#needs.credential, this.channel, seat.member);
  }

  #confirmed(seat: Seat, { data }: RemoteFrame): void {
    if (!seat.isConfirmed) this.#needs.ears.subscribed(true);
    seat.confirm();
    if (kindOf(this.channel).cached) {
      seat.awaitsCached = true;
      seat.link.ping(() => {
        seat.awaitsCached = false;
        this.#resolveHeard();
      });
    }
    if (this.#isOver || this.#listener !== undefined || this.#seats.get(seat.member.id) !== seat) return;
    this.#listenTo(seat);
    this.#needs.ears.roster(this.channel, rosterIn(data));
    if (!seat.awaitsCached) this.#resolveHeard();
  }

  #listenTo(seat: Seat): void {
    this.#listener = seat;
    clearTimeout(this.#grace);
    if (this.#deafSinceMs !== undefined) this.#needs.figures.gap(Date.now() - this.#deafSinceMs);
    this.#deafSinceMs = undefined;
  }

  #pass(frame: RemoteFrame): void {
    tell(this.#needs.ears, this.channel, frame);
  }

  /** Another connection that is there goes on; else the first that comes back. */
  #deaf(): void {
    if (this.#isOver) return;
    this.#deafSinceMs ??= Date.now();
    this.#needs.ears.deaf(this.channel);
    clearTimeout(this.#grace);
    this.#grace = setTimeout(() => this.#needs.ears.roster(this.channel, []), this.#needs.limits.graceMs);
    this.#grace.unref();
    const seat = [...this.#seats.values()].find(({ isConfirmed }) => isConfirmed);
    if (seat !== undefined) void this.#adopt(seat);
  }

  /** Subscribing again brings the roster; who refuses to say it twice is listened to without one. */
  async #adopt(seat: Seat): Promise<void> {
    this.#ask(seat);
    await within(this.#untilHeard(), this.#needs.limits.subscribeWaitMs);
    if (this.#isOver || this.#listener !== undefined || this.#seats.get(seat.member.id) !== seat) return;
    if (seat.isConfirmed) this.#listenTo(seat);
  }

  async #vacate(seat: Seat): Promise<void> {
    if (seat === this.#listener) await this.#handOverFrom(seat);
    this.#free(seat);
    if (seat !== this.#listener) return;
    this.#listener = undefined;
    if (this.#seats.size > 0) this.#deaf();
  }

  #free(seat: Seat): void {
    unsubscribe(seat.link, this.channel);
    seat.isConfirmed = false;
    this.#needs.pool.release(seat);
  }

  async #handOverFrom(seat: Seat): Promise<void> {
    const tried = new Set<Seat>();
    for (;;) {
      const to = await successor(seat, this.#seats, tried, this.#needs.limits.subscribeWaitMs);
      if (to === undefined || this.#listener !== seat) return;
      tried.add(to);
      const process = new HandOver({ from: seat.link, to: to.link, pass: (frame) => this.#pass(frame) });
      this.#handOver = { to, process };
      const result = await process.run(this.#needs.limits.handOvers);
      this.#handOver = undefined;
      if (result === 'unsure') this.#needs.figures.unsureHandOvers += 1;
      if (result !== 'lost') return this.#handedOver(to);
    }
  }

  #handedOver(to: Seat): void {
    this.#listener = to;
    if (!to.isConfirmed) this.lost(to);
  }

  #untilHeard(): Promise<void> {
    return new Promise((resolve) => this.#heard.push(resolve));
  }

  #resolveHeard(): void {
    const waiting = this.#heard;
    this.#heard = [];
    for (const resolve of waiting) resolve();
  }
}
