import type { Member } from '#protocol';
import { Signal } from '../connection/signal.ts';
import type { RemoteFrame } from '../frame.ts';
import { Link, type LinkNeeds } from '../connection/link.ts';

/** Who takes seats: a channel, which hears what happens to each of them. */
export interface SlotOwner {
  readonly channel: string;
  opened(seat: MemberSlot): void;
  lost(seat: MemberSlot): void;
  heard(seat: MemberSlot, frame: RemoteFrame): void;
}

/** One member of one channel on one connection. */
export class MemberSlot {
  readonly room: SlotOwner;
  readonly member: Member;
  readonly berth: MemberConnection;
  /** The other side has said that this connection is on the channel. */
  isConfirmed = false;
  /** The next frame is what a cache channel remembers. */
  awaitsCached = false;
  readonly #confirmed = new Signal();

  constructor(room: SlotOwner, member: Member, berth: MemberConnection) {
    this.room = room;
    this.member = member;
    this.berth = berth;
  }

  get link(): Link {
    return this.berth.link;
  }

  confirm(): void {
    this.isConfirmed = true;
    this.#confirmed.ring();
  }

  untilConfirmed(): Promise<void> {
    return this.isConfirmed ? Promise.resolve() : this.#confirmed.next();
  }
}

/** Who hears what is wrong with a connection, whoever sits on it. */
export interface Complaining {
  failed(reason: string): void;
  refused(frame: RemoteFrame): void;
}

/** SPEC 11.10: a connection and the members on it, at most one of each channel. */
export class MemberConnection {
  /** By channel. */
  readonly seats = new Map<string, MemberSlot>();
  readonly link: Link;
  idle: NodeJS.Timeout | undefined;
  readonly #refused: (frame: RemoteFrame) => void;

  constructor(needs: LinkNeeds, complaining: Complaining) {
    this.#refused = (frame) => complaining.refused(frame);
    this.link = new Link(needs, {
      opened: () => this.#each((seat) => seat.room.opened(seat)),
      lost: () => this.#each((seat) => seat.room.lost(seat)),
      frame: (frame) => this.#heard(frame),
      failed: (reason) => complaining.failed(reason),
    });
  }

  #each(step: (seat: MemberSlot) => void): void {
    for (const seat of [...this.seats.values()]) step(seat);
  }

  #heard(frame: RemoteFrame): void {
    if (frame.event === 'pusher:error') return this.#refused(frame);
    const seat = this.seats.get(frame.channel ?? '');
    seat?.room.heard(seat, frame);
  }
}
