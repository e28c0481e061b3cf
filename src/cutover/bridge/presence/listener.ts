import type { ServerFrame } from '../../client/server-frame.ts';
import type { BridgeLimits } from '../limits.ts';
import type { PresenceReceiver } from '../ports/receiver.ts';
import type { BridgeCounters } from '../status/counters.ts';
import { HandOver } from './hand-over.ts';
import type { MemberSlot } from './member-slot.ts';
import { successor } from './successor.ts';

export interface ListenerDeps {
  readonly channel: string;
  readonly limits: BridgeLimits;
  readonly counters: BridgeCounters;
  readonly receiver: PresenceReceiver;
}

/**
 * SPEC 11.10, 11.13: the one connection whose frames of a presence channel are delivered, among all that receive them.
 * While there is none, the upstream's members are kept for `graceMs`.
 */
export class Listener {
  readonly #deps: ListenerDeps;
  #slot: MemberSlot | undefined;
  #handOver: { readonly to: MemberSlot; readonly process: HandOver<ServerFrame> } | undefined;
  #lostSinceMs: number | undefined;
  #grace: NodeJS.Timeout | undefined;

  constructor(deps: ListenerDeps) {
    this.#deps = deps;
  }

  /** The member whose connection is listened on. */
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

  /** Listens on this connection, where none was listened on before. */
  listenOn(slot: MemberSlot): void {
    this.#slot = slot;
    clearTimeout(this.#grace);
    if (this.#lostSinceMs !== undefined) this.#deps.counters.gap(Date.now() - this.#lostSinceMs);
    this.#lostSinceMs = undefined;
  }

  /** The connection is lost. */
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

  /** Moves to another connection without losing a frame; stays where it is when there is none that can take over. */
  async handOver(slots: ReadonlyMap<string, MemberSlot>): Promise<void> {
    const from = this.#slot;
    const { channel, limits, counters } = this.#deps;
    const tried = new Set<MemberSlot>();
    while (from !== undefined) {
      const to = await successor(from, slots, limits.subscribeWaitMs, tried);
      if (to === undefined || this.#slot !== from) return;
      tried.add(to);
      const process = new HandOver<ServerFrame>({
        from: from.link,
        to: to.link,
        deliver: (frame) => this.#deliver(frame),
      });
      this.#handOver = { to, process };
      const result = await process.run(limits.handOverRounds);
      if (result === 'unsure')
        counters.error(`hand-over on ${channel}: frames may have been delivered twice`);
      if (this.#slot !== from) return;
      this.#handOver = undefined;
      if (result !== 'lost') return void (this.#slot = to);
    }
  }

  /** Stops listening for good. */
  close(): void {
    clearTimeout(this.#grace);
    this.#slot = undefined;
    this.#handOver = undefined;
    this.#deps.receiver.lost(this.#deps.channel);
  }

  #deliver(frame: ServerFrame): void {
    this.#deps.receiver.presenceFrame(this.#deps.channel, frame);
  }
}
