import type { Member } from '#protocol';
import { Signal } from '../../../core/util/signal.ts';
import type { ServerFrame } from '../../client/server-frame.ts';
import type { UpstreamLink } from '../ports/link.ts';

/** A channel that has members on connections; it receives what happens to each of them. */
export interface SlotOwner {
  readonly channel: string;
  opened(slot: MemberSlot): void;
  lost(slot: MemberSlot): void;
  receive(slot: MemberSlot, frame: ServerFrame): void;
}

/** A connection that carries members, at most one of each channel. */
export interface SlotCarrier {
  readonly link: UpstreamLink;
  /** By channel. */
  readonly slots: Map<string, MemberSlot>;
  /** Closes the connection when it has carried no member for some time. */
  idle: NodeJS.Timeout | undefined;
}

/** Gives members a place on a connection. */
export interface SlotPool {
  /** `undefined` when there are too many connections already; that is counted. */
  take(owner: SlotOwner, member: Member): MemberSlot | undefined;
  release(slot: MemberSlot): void;
}

/** One member of one channel on one connection. */
export class MemberSlot {
  readonly owner: SlotOwner;
  readonly member: Member;
  readonly connection: SlotCarrier;
  /** The upstream has confirmed the subscription of this member. */
  isConfirmed = false;
  /** The next frame is the cached event of a cache channel. */
  awaitsCached = false;
  readonly #confirmed = new Signal();

  constructor(owner: SlotOwner, member: Member, connection: SlotCarrier) {
    this.owner = owner;
    this.member = member;
    this.connection = connection;
  }

  get link(): UpstreamLink {
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
