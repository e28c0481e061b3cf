import type { Member } from '#protocol';
import type { RemoteFrame } from './frame.ts';
import type { BridgeLimits } from './limits.ts';
import { Link, type LinkEars, type LinkNeeds } from './link.ts';
import type { Figures } from './state.ts';
import { Turnstile } from './turnstile.ts';

/** Who takes seats: a channel, which hears what happens to each of them. */
export interface Sitter {
  readonly channel: string;
  opened(seat: Seat): void;
  lost(seat: Seat): void;
  heard(seat: Seat, frame: RemoteFrame): void;
}

/** One member of one channel on one connection. */
export class Seat {
  readonly room: Sitter;
  readonly member: Member;
  readonly berth: Berth;
  /** The other side has said that this connection is on the channel. */
  isConfirmed = false;
  #confirmations: (() => void)[] = [];
  /** The next frame is what a cache channel remembers. */
  awaitsCached = false;

  constructor(room: Sitter, member: Member, berth: Berth) {
    this.room = room;
    this.member = member;
    this.berth = berth;
  }

  get link(): Link {
    return this.berth.link;
  }

  confirm(): void {
    this.isConfirmed = true;
    const waiting = this.#confirmations;
    this.#confirmations = [];
    for (const resolve of waiting) resolve();
  }

  untilConfirmed(): Promise<void> {
    if (this.isConfirmed) return Promise.resolve();
    return new Promise((resolve) => this.#confirmations.push(resolve));
  }
}

/** A connection and the members on it: at most one of each channel. */
export class Berth {
  readonly seats = new Map<string, Seat>();
  readonly link: Link;
  idle: NodeJS.Timeout | undefined;

  readonly #refused: (frame: RemoteFrame) => void;

  constructor(needs: LinkNeeds, complaining: Complaining) {
    this.#refused = (frame) => complaining.refused(frame);
    const ears: LinkEars = {
      opened: () => this.#each((seat) => seat.room.opened(seat)),
      lost: () => this.#each((seat) => seat.room.lost(seat)),
      frame: (frame) => this.#heard(frame),
      failed: (reason) => complaining.failed(reason),
    };
    this.link = new Link(needs, ears);
  }

  #each(step: (seat: Seat) => void): void {
    for (const seat of [...this.seats.values()]) step(seat);
  }

  #heard(frame: RemoteFrame): void {
    if (frame.event === 'pusher:error') return this.#refused(frame);
    const seat = this.seats.get(frame.channel ?? '');
    seat?.room.heard(seat, frame);
  }
}

interface Complaining {
  failed(reason: string): void;
  refused(frame: RemoteFrame): void;
}

interface Needs extends Complaining {
  readonly link: Omit<LinkNeeds, 'turn'>;
  readonly limits: BridgeLimits;
  readonly figures: Figures;
}

/**
 * SPEC 11.10: the connections of the members. The k-th one holds at most one member of each channel, so there are as many
 * as the fullest channel has members on this node, not members times channels.
 */
export class Pool {
  readonly #needs: Needs;
  readonly #berths: Berth[] = [];
  readonly #turnstile: Turnstile;

  constructor(needs: Needs) {
    this.#needs = needs;
    this.#turnstile = new Turnstile(needs.limits.connecting);
  }

  get size(): number {
    return this.#berths.length;
  }

  get open(): number {
    return this.#berths.filter(({ link }) => link.isOpen).length;
  }

  /** `undefined` when there are too many connections already; that is counted. */
  take(room: Sitter, member: Member): Seat | undefined {
    const berth = this.#berths.find(({ seats }) => !seats.has(room.channel)) ?? this.#another();
    if (berth === undefined) {
      this.#needs.figures.drop('too-many-connections');
      return undefined;
    }
    clearTimeout(berth.idle);
    const seat = new Seat(room, member, berth);
    berth.seats.set(room.channel, seat);
    return seat;
  }

  release({ berth, room }: Seat): void {
    berth.seats.delete(room.channel);
    if (berth.seats.size > 0) return;
    berth.idle = setTimeout(() => this.#close(berth), this.#needs.limits.idleMs);
    berth.idle.unref();
  }

  stop(): void {
    for (const berth of [...this.#berths]) this.#close(berth);
  }

  #another(): Berth | undefined {
    if (this.#berths.length >= this.#needs.limits.connections) return undefined;
    const turn = (): Promise<() => void> => this.#turnstile.enter();
    const berth = new Berth({ ...this.#needs.link, turn }, this.#needs);
    this.#berths.push(berth);
    berth.link.open();
    return berth;
  }

  #close(berth: Berth): void {
    clearTimeout(berth.idle);
    this.#berths.splice(this.#berths.indexOf(berth), 1);
    berth.link.close();
  }
}
