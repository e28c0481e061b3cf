import { type Credential, kindOf, type Member } from '#protocol';
import { Mutex } from '../../../core/util/mutex.ts';
import { within } from '../../../core/util/time.ts';
import { Signal } from '../connection/signal.ts';
import type { MemberSlot, SlotOwner } from './member-connection.ts';
import type { PresenceReceiver } from '../receiver.ts';
import type { SubscriptionState } from '../echo/echoes.ts';
import { objectTextIn, type ServerFrame, rosterIn } from '../frame.ts';
import type { BridgeLimits } from '../limits.ts';
import { Listener } from './listener.ts';
import { successor } from './successor.ts';
import type { Pool } from './pool.ts';
import type { BridgeCounters } from '../state.ts';
import { subscribeAs, SUBSCRIPTION_ERROR, SUCCEEDED, unsubscribe } from '../connection/subscription.ts';
import { MemberClientEvents } from './member-client-events.ts';

export interface PresenceChannelDeps {
  readonly pool: Pool;
  readonly credential: Credential;
  readonly limits: BridgeLimits;
  readonly counters: BridgeCounters;
  readonly receiver: PresenceReceiver;
  isDisconnected(): boolean;
}

/**
 * SPEC 11.10: one presence channel as this node is in it at the other side: a connection for each of its members, of
 * which one, the listener, is heard. Coming, going, whispers and hand-overs happen one after the other.
 */
export class PresenceChannel implements SlotOwner {
  readonly channel: string;
  readonly #deps: PresenceChannelDeps;
  /** By the member's id. */
  readonly #slots = new Map<string, MemberSlot>();
  readonly #lock = new Mutex();
  readonly #listener: Listener;
  readonly clientEvents: MemberClientEvents;
  readonly #rosterReceived = new Signal();
  #isOver = false;
  #hasCachedEvent = false;

  constructor(channel: string, deps: PresenceChannelDeps) {
    this.channel = channel;
    this.#deps = deps;
    this.#listener = new Listener({ ...deps, channel });
    this.clientEvents = new MemberClientEvents({
      slots: this.#slots,
      listener: this.#listener,
      lock: this.#lock,
      limits: deps.limits,
      isDisconnected: () => deps.isDisconnected(),
    });
  }

  get members(): number {
    return this.#slots.size;
  }

  /** Nobody but this user is here, or nobody could be brought there at all. */
  isLast(id: string): boolean {
    return this.#slots.size === 0 || (this.#slots.size === 1 && this.#slots.has(id));
  }

  get subscription(): SubscriptionState {
    if (this.#slots.size === 0) return 'no';
    return this.#listener.slot === undefined ? 'soon' : 'yes';
  }

  /** Resolves when the roster of the other side is known; soon, whatever it does. */
  async join(member: Member): Promise<void> {
    const slot = this.#deps.pool.take(this, member);
    if (slot === undefined) return;
    this.#slots.set(member.id, slot);
    this.#subscribe(slot);
    if (this.#listener.slot !== undefined || this.#deps.isDisconnected()) return;
    await within(this.#rosterReceived.next(), this.#deps.limits.subscribeWaitMs);
  }

  leave(id: string): void {
    const slot = this.#slots.get(id);
    if (slot === undefined) return;
    this.#slots.delete(id);
    void this.#leave(slot);
  }

  /** The last member of this node has gone. */
  close(): void {
    this.#isOver = true;
    const slots = [...this.#slots.values()];
    this.#slots.clear();
    this.#listener.close();
    this.#rosterReceived.emit();
    void this.#lock.run(async () => {
      for (const slot of slots) this.#release(slot);
      await Promise.resolve();
    });
  }

  /** Resolves when all that was on its way has been heard. */
  async barrier(): Promise<void> {
    await this.#lock.run(async () => {
      await this.#listener.slot?.link.barrier();
    });
  }

  // --- what a slot tells -----------------------------------------------------------------------

  opened(slot: MemberSlot): void {
    this.#subscribe(slot);
  }

  /** Another connection that is there goes on; else the first that comes back. */
  lost(slot: MemberSlot): void {
    slot.isConfirmed = false;
    if (slot !== this.#listener.slot || this.#isOver) return;
    this.#listener.lost();
    const next = [...this.#slots.values()].find(({ isConfirmed }) => isConfirmed);
    if (next !== undefined) void this.#listenAgainOn(next);
  }

  receive(slot: MemberSlot, frame: ServerFrame): void {
    if (frame.event === SUCCEEDED) return this.#confirmed(slot, frame);
    if (frame.event === SUBSCRIPTION_ERROR) return;
    if (slot.awaitsCached) return this.#cachedEvent(slot, frame);
    this.#listener.receive(slot, frame);
  }

  // --- within ----------------------------------------------------------------------------------

  #subscribe(slot: MemberSlot): void {
    subscribeAs(slot.link, this.#deps.credential, this.channel, slot.member);
  }

  #confirmed(slot: MemberSlot, frame: ServerFrame): void {
    slot.confirm();
    if (kindOf(this.channel).cached) {
      slot.awaitsCached = true;
      slot.link.ping(() => {
        slot.awaitsCached = false;
        this.#rosterReceived.emit();
      });
    }
    if (!this.#needsListener(slot)) return;
    this.#listener.listenOn(slot);
    this.#deps.receiver.roster(this.channel, rosterIn(objectTextIn(frame)));
    if (!slot.awaitsCached) this.#rosterReceived.emit();
  }

  /** SPEC 11.11: every subscription is greeted with what the channel remembers; that is no news but the first time. */
  #cachedEvent(slot: MemberSlot, frame: ServerFrame): void {
    slot.awaitsCached = false;
    if (slot === this.#listener.slot && !this.#hasCachedEvent)
      this.#deps.receiver.cached(this.channel, frame);
    this.#hasCachedEvent = true;
    this.#rosterReceived.emit();
  }

  /** Nobody listens, and this member has not left meanwhile. */
  #needsListener(slot: MemberSlot): boolean {
    const isHere = !this.#isOver && this.#slots.get(slot.member.id) === slot;
    return isHere && this.#listener.slot === undefined;
  }

  /** Subscribing again brings the roster; who refuses to say it twice is listened to without one. */
  async #listenAgainOn(slot: MemberSlot): Promise<void> {
    this.#subscribe(slot);
    await within(this.#rosterReceived.next(), this.#deps.limits.subscribeWaitMs);
    if (this.#needsListener(slot) && slot.isConfirmed) this.#listener.listenOn(slot);
  }

  /** Who is heard stays until there is an heir; whispers do not wait for that. */
  async #leave(slot: MemberSlot): Promise<void> {
    if (slot === this.#listener.slot) await successor(slot, this.#slots, this.#deps.limits.successorWaitMs);
    await this.#lock.run(() => this.#handOverAndRelease(slot));
  }

  async #handOverAndRelease(slot: MemberSlot): Promise<void> {
    if (slot === this.#listener.slot) await this.#listener.handOver(this.#slots);
    this.#release(slot);
    // Nobody could go on, or the heir's connection was lost in the moment of the hand-over.
    const { slot: heard } = this.#listener;
    if (heard?.isConfirmed === false) this.lost(heard);
  }

  #release(slot: MemberSlot): void {
    unsubscribe(slot.link, this.channel);
    slot.isConfirmed = false;
    this.#deps.pool.release(slot);
  }
}
