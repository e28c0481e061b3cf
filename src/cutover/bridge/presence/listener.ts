import type { MemberSlot } from './member-connection.ts';
import { type PresenceReceiver, tell } from '../receiver.ts';
import type { ServerFrame } from '../frame.ts';
import { HandOver } from './hand-over.ts';
import { successor } from './successor.ts';
import type { BridgeLimits } from '../limits.ts';
import type { BridgeCounters } from '../state.ts';

export interface ListenerDeps {
  readonly channel: string;
  readonly limits: BridgeLimits;
  readonly counters: BridgeCounters;
  readonly receiver: PresenceReceiver;
}

/**
 * SPEC 11.10, 11.13: the one connection that a presence channel is heard over. Every frame is told once, whoever else
 * hears it; members of the other side outlast a moment in which nobody does.
 */
export class Listener {
  readonly #deps: ListenerDeps;
  #slot: MemberSlot | undefined;
  #handOver: { readonly to: MemberSlot; readonly process: HandOver } | undefined;
  #lostSinceMs: number | undefined;
  #grace: NodeJS.Timeout | undefined;

  constructor(deps: ListenerDeps) {
    this.#deps = deps;
  }

  get slot(): MemberSlot | undefined {
    return this.#slot;
  }

  receive(slot: MemberSlot, frame: ServerFrame): void {
    const handOver = this.#handOver;
    if (handOver !== undefined && slot === handOver.to) handOver.process.receivedTo(frame);
    else if (slot !== this.#slot) return;
    else if (handOver !== undefined) handOver.process.receivedFrom(frame);
    else this.#deliver(frame);
  }

  /** From now on this one is heard; nobody was before. */
  listenOn(slot: MemberSlot): void {
    this.#slot = slot;
    clearTimeout(this.#grace);
    if (this.#lostSinceMs !== undefined) this.#deps.counters.gap(Date.now() - this.#lostSinceMs);
    this.#lostSinceMs = undefined;
  }

  /** Its connection is lost. */
  lost(): void {
    const { channel, receiver, limits } = this.#deps;
    this.#slot = undefined;
    this.#handOver = undefined;
    this.#lostSinceMs ??= Date.now();
    receiver.lost(channel);
    clearTimeout(this.#grace);
    this.#grace = setTimeout(() => receiver.roster(channel, []), limits.graceMs);
    this.#grace.unref();
  }

  /** Another one goes on, when there is any that can: then it is the listener, and nothing was missed. */
  async handOver(slots: ReadonlyMap<string, MemberSlot>): Promise<void> {
    const from = this.#slot;
    const { limits } = this.#deps;
    const tried = new Set<MemberSlot>();
    while (from !== undefined) {
      const to = await successor(from, slots, limits.subscribeWaitMs, tried);
      if (to === undefined || this.#slot !== from) return;
      tried.add(to);
      const process = new HandOver({
        from: from.link,
        to: to.link,
        deliver: (frame) => this.#deliver(frame),
      });
      this.#handOver = { to, process };
      const result = await process.run(limits.handOverRounds);
      if (this.#slot !== from) return;
      this.#handOver = undefined;
      if (result !== 'lost') return void (this.#slot = to);
    }
  }

  /** Nobody is heard any more, for good. */
  close(): void {
    clearTimeout(this.#grace);
    this.#slot = undefined;
    this.#handOver = undefined;
    this.#deps.receiver.lost(this.#deps.channel);
  }

  #deliver(frame: ServerFrame): void {
    tell(this.#deps.receiver, this.#deps.channel, frame);
  }
}
