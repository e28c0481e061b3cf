import type { Member } from '#protocol';
import { Signal } from '../connection/signal.ts';
import type { ServerFrame } from '../frame.ts';
import { Link, type LinkOptions } from '../connection/link.ts';

/** Who takes slots: a channel, which hears what happens to each of them. */
export interface SlotOwner {
  readonly channel: string;
  opened(slot: MemberSlot): void;
  lost(slot: MemberSlot): void;
  receive(slot: MemberSlot, frame: ServerFrame): void;
}

/** One member of one channel on one connection. */
export class MemberSlot {
  readonly owner: SlotOwner;
  readonly member: Member;
  readonly connection: MemberConnection;
  /** The other side has said that this connection is on the channel. */
  isConfirmed = false;
  /** The next frame is what a cache channel remembers. */
  awaitsCached = false;
  readonly #confirmed = new Signal();

  constructor(owner: SlotOwner, member: Member, connection: MemberConnection) {
    this.owner = owner;
    this.member = member;
    this.connection = connection;
  }

  get link(): Link {
    return this.connection.link;
  }

  confirm(): void {
    this.isConfirmed = true;
    this.#confirmed.emit();
  }

  untilConfirmed(): Promise<void> {
    return this.isConfirmed ? Promise.resolve() : this.#confirmed.next();
  }
}

/** Who hears what is wrong with a connection, whoever sits on it. */
export interface ConnectionProblems {
  failed(reason: string): void;
  errorFrame(frame: ServerFrame): void;
}

/** SPEC 11.10: a connection and the members on it, at most one of each channel. */
export class MemberConnection {
  /** By channel. */
  readonly slots = new Map<string, MemberSlot>();
  readonly link: Link;
  idle: NodeJS.Timeout | undefined;
  readonly #errorFrame: (frame: ServerFrame) => void;

  constructor(deps: LinkOptions, problems: ConnectionProblems) {
    this.#errorFrame = (frame) => problems.errorFrame(frame);
    this.link = new Link(deps, {
      opened: () => this.#each((slot) => slot.owner.opened(slot)),
      lost: () => this.#each((slot) => slot.owner.lost(slot)),
      frame: (frame) => this.#received(frame),
      failed: (reason) => problems.failed(reason),
    });
  }

  #each(step: (slot: MemberSlot) => void): void {
    for (const slot of [...this.slots.values()]) step(slot);
  }

  #received(frame: ServerFrame): void {
    if (frame.event === 'pusher:error') return this.#errorFrame(frame);
    const slot = this.slots.get(frame.channel ?? '');
    slot?.owner.receive(slot, frame);
  }
}
