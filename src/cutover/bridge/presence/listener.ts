import type { MemberSlot } from './member-connection.ts';
import { type PresenceListener, tell } from '../ears.ts';
import type { RemoteFrame } from '../frame.ts';
import { HandOver } from './hand-over.ts';
import { successor } from './successor.ts';
import type { BridgeLimits } from '../limits.ts';
import type { BridgeCounters } from '../state.ts';

export interface ListenerNeeds {
  readonly channel: string;
  readonly limits: BridgeLimits;
  readonly figures: BridgeCounters;
  readonly ears: PresenceListener;
}

/**
 * SPEC 11.10, 11.13: the one connection that a presence channel is heard over. Every frame is told once, whoever else
 * hears it; members of the other side outlast a moment in which nobody does.
 */
export class Listener {
  readonly #needs: ListenerNeeds;
  #seat: MemberSlot | undefined;
  #handOver: { readonly to: MemberSlot; readonly process: HandOver } | undefined;
  #deafSinceMs: number | undefined;
  #grace: NodeJS.Timeout | undefined;

  constructor(needs: ListenerNeeds) {
    this.#needs = needs;
  }

  get seat(): MemberSlot | undefined {
    return this.#seat;
  }

  heard(seat: MemberSlot, frame: RemoteFrame): void {
    const handOver = this.#handOver;
    if (handOver !== undefined && seat === handOver.to) handOver.process.heardTo(frame);
    else if (seat !== this.#seat) return;
    else if (handOver !== undefined) handOver.process.heardFrom(frame);
    else this.#tell(frame);
  }

  /** From now on this one is heard; nobody was before. */
  become(seat: MemberSlot): void {
    this.#seat = seat;
    clearTimeout(this.#grace);
    if (this.#deafSinceMs !== undefined) this.#needs.figures.gap(Date.now() - this.#deafSinceMs);
    this.#deafSinceMs = undefined;
  }

  /** Its connection is lost. */
  lost(): void {
    const { channel, ears, limits } = this.#needs;
    this.#seat = undefined;
    this.#handOver = undefined;
    this.#deafSinceMs ??= Date.now();
    ears.deaf(channel);
    clearTimeout(this.#grace);
    this.#grace = setTimeout(() => ears.roster(channel, []), limits.graceMs);
    this.#grace.unref();
  }

  /** Another one goes on, when there is any that can: then it is the listener, and nothing was missed. */
  async handOver(seats: ReadonlyMap<string, MemberSlot>): Promise<void> {
    const from = this.#seat;
    const { limits } = this.#needs;
    const tried = new Set<MemberSlot>();
    while (from !== undefined) {
      const to = await successor(from, seats, limits.subscribeWaitMs, tried);
      if (to === undefined || this.#seat !== from) return;
      tried.add(to);
      const process = new HandOver({ from: from.link, to: to.link, pass: (frame) => this.#tell(frame) });
      this.#handOver = { to, process };
      const result = await process.run(limits.handOverRounds);
      if (this.#seat !== from) return;
      this.#handOver = undefined;
      if (result !== 'lost') return void (this.#seat = to);
    }
  }

  /** Nobody is heard any more, for good. */
  close(): void {
    clearTimeout(this.#grace);
    this.#seat = undefined;
    this.#handOver = undefined;
    this.#needs.ears.deaf(this.#needs.channel);
  }

  #tell(frame: RemoteFrame): void {
    tell(this.#needs.ears, this.#needs.channel, frame);
  }
}
