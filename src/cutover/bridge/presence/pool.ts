import type { Member } from '#protocol';
import { MemberConnection, type Complaining, MemberSlot, type SlotOwner } from './member-connection.ts';
import type { BridgeLimits } from '../limits.ts';
import type { LinkNeeds } from '../connection/link.ts';
import type { BridgeCounters } from '../state.ts';
import { Semaphore } from '../connection/semaphore.ts';

interface Needs extends Complaining {
  readonly link: Omit<LinkNeeds, 'turn'>;
  readonly limits: BridgeLimits;
  readonly figures: BridgeCounters;
}

/**
 * SPEC 11.10: the connections of the members. The k-th one holds at most one member of each channel, so there are as many
 * as the fullest channel has members on this node, not members times channels.
 */
export class Pool {
  readonly #needs: Needs;
  readonly #berths: MemberConnection[] = [];
  readonly #turnstile: Semaphore;

  constructor(needs: Needs) {
    this.#needs = needs;
    this.#turnstile = new Semaphore(needs.limits.connecting);
  }

  get size(): number {
    return this.#berths.length;
  }

  get open(): number {
    return this.#berths.filter(({ link }) => link.isOpen).length;
  }

  /** `undefined` when there are too many connections already; that is counted. */
  take(room: SlotOwner, member: Member): MemberSlot | undefined {
    const berth = this.#berths.find(({ seats }) => !seats.has(room.channel)) ?? this.#another();
    if (berth === undefined) {
      this.#needs.figures.drop('too-many-connections');
      return undefined;
    }
    clearTimeout(berth.idle);
    const seat = new MemberSlot(room, member, berth);
    berth.seats.set(room.channel, seat);
    return seat;
  }

  release({ berth, room }: MemberSlot): void {
    berth.seats.delete(room.channel);
    if (berth.seats.size > 0) return;
    berth.idle = setTimeout(() => this.#close(berth), this.#needs.limits.idleMs);
    berth.idle.unref();
  }

  stop(): void {
    for (const berth of [...this.#berths]) this.#close(berth);
  }

  #another(): MemberConnection | undefined {
    if (this.#berths.length >= this.#needs.limits.connections) return undefined;
    const turn = (): Promise<() => void> => this.#turnstile.enter();
    const berth = new MemberConnection({ ...this.#needs.link, turn }, this.#needs);
    this.#berths.push(berth);
    berth.link.open();
    return berth;
  }

  #close(berth: MemberConnection): void {
    clearTimeout(berth.idle);
    this.#berths.splice(this.#berths.indexOf(berth), 1);
    berth.link.close();
  }
}
