import { type Credential, kindOf, type Member } from '#protocol';
import { Mutex } from '../../../core/util/mutex.ts';
import { Signal } from '../../../core/util/signal.ts';
import { within } from '../../../core/util/time.ts';
import { objectTextIn } from '../../client/read-frame.ts';
import type { ServerFrame } from '../../client/server-frame.ts';
import { rosterIn } from '../connection/member-frames.ts';
import {
  sendSubscribeAsMember,
  SUBSCRIPTION_ERROR,
  SUCCEEDED,
  sendUnsubscribe,
} from '../connection/subscription.ts';
import type { BridgeLimits } from '../limits.ts';
import type { PresenceReceiver, SubscriptionState } from '../ports/receiver.ts';
import type { BridgeCounters } from '../status/counters.ts';
import { Listener } from './listener.ts';
import { MemberClientEvents } from './member-client-events.ts';
import type { MemberSlot, SlotOwner, SlotPool } from './member-slot.ts';
import { successor } from './successor.ts';

export interface PresenceChannelDeps {
  readonly pool: SlotPool;
  readonly credential: Credential;
  readonly limits: BridgeLimits;
  readonly counters: BridgeCounters;
  readonly receiver: PresenceReceiver;
  isDisconnected(): boolean;
}

/**
 * SPEC 11.10: one presence channel at the upstream, with a connection for each of this node's members. The frames of one
 * of them, the listener, are delivered. Leaving, client events and hand-overs happen one after the other.
 */
export class PresenceChannel implements SlotOwner {
  readonly channel: string;
  readonly clientEvents: MemberClientEvents;
  readonly #deps: PresenceChannelDeps;
  /** By the member's id. */
  readonly #slots = new Map<string, MemberSlot>();
  readonly #lock = new Mutex();
  readonly #listener: Listener;
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

  get memberCount(): number {
    return this.#slots.size;
  }

  /** True when no other member of this node is on the channel at the upstream. */
  isLast(id: string): boolean {
    return this.#slots.size === 0 || (this.#slots.size === 1 && this.#slots.has(id));
  }

  get subscription(): SubscriptionState {
    if (this.#slots.size === 0) return 'none';
    return this.#listener.slot === undefined ? 'pending' : 'confirmed';
  }

  /** Resolves when the upstream's roster is known, or after `subscribeWaitMs`. */
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

  /** Leaves with all members. */
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

  /** Resolves when all frames that were in flight have been received. */
  async barrier(): Promise<void> {
    await this.#lock.run(async () => {
      await this.#listener.slot?.link.barrier();
    });
  }

  // --- what happens to a slot ------------------------------------------------------------------

  opened(slot: MemberSlot): void {
    this.#subscribe(slot);
  }

  /** When it was the listener, another confirmed connection takes over, else the first that is confirmed again. */
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
    sendSubscribeAsMember(slot.link, this.#deps.credential, this.channel, slot.member);
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

  /** SPEC 11.11: the upstream sends the cached event after every subscription; only the first one is used. */
  #cachedEvent(slot: MemberSlot, frame: ServerFrame): void {
    slot.awaitsCached = false;
    if (slot === this.#listener.slot && !this.#hasCachedEvent)
      this.#deps.receiver.cachedEvent(this.channel, frame);
    this.#hasCachedEvent = true;
    this.#rosterReceived.emit();
  }

  /** True while there is no listener and this member has not left. */
  #needsListener(slot: MemberSlot): boolean {
    const isHere = !this.#isOver && this.#slots.get(slot.member.id) === slot;
    return isHere && this.#listener.slot === undefined;
  }

  /** Subscribes again to receive the roster; when the server does not send it again, listens without a new one. */
  async #listenAgainOn(slot: MemberSlot): Promise<void> {
    this.#subscribe(slot);
    await within(this.#rosterReceived.next(), this.#deps.limits.subscribeWaitMs);
    if (this.#needsListener(slot) && slot.isConfirmed) this.#listener.listenOn(slot);
  }

  /** The listener stays until there is a successor. Client events do not wait for it: the lock is taken afterwards. */
  async #leave(slot: MemberSlot): Promise<void> {
    if (slot === this.#listener.slot) await successor(slot, this.#slots, this.#deps.limits.successorWaitMs);
    await this.#lock.run(() => this.#handOverAndRelease(slot));
  }

  async #handOverAndRelease(slot: MemberSlot): Promise<void> {
    if (slot === this.#listener.slot) await this.#listener.handOver(this.#slots);
    this.#release(slot);
    // There was no successor, or its connection was lost during the hand-over.
    const { slot: listener } = this.#listener;
    if (listener?.isConfirmed === false) this.lost(listener);
  }

  #release(slot: MemberSlot): void {
    sendUnsubscribe(slot.link, this.channel);
    slot.isConfirmed = false;
    this.#deps.pool.release(slot);
  }
}
