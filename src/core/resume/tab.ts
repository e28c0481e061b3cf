import type { Position } from '#protocol';
import type { ClientTab, Connection, Subscription } from '../client/connection.ts';
import type { ResumePoint, TabRecord, TabRef } from '../ports/tab-store.ts';
import type { Inheritance } from './merge.ts';
import { isSamePosition, laterOf } from './positions.ts';

const UNKNOWN: ResumePoint = { position: undefined, atMs: 0, isFresh: true };

/** One channel of an open socket: the point up to which its events have arrived, by the last receipt. One object, because there are many. */
interface Place extends Mutable<ResumePoint> {
  /** Up to where they were written, as far as it is noted here. */
  written: Position | undefined;
}

type Mutable<T> = { -readonly [Key in keyof T]: T[Key] };

interface Receipt {
  readonly number: number;
  readonly atMs: number;
  readonly written: ReadonlyMap<Subscription, Position>;
}

/** Needs of all tabs of a node: one object for all of them. */
export interface TabNeeds {
  writtenPosition(subscription: Subscription): Position | undefined;
  clock(): number;
  /** Called when a tab is on a channel of which nothing is stored yet. */
  onNewPlace(connection: Connection): void;
}

/** Shared by the tabs that have none: an empty map takes 200 bytes. */
const NO_POINTS = new Map<string, ResumePoint>();
const NO_PLACES = new Map<Subscription, Place>();

/** An open socket of a tab (SPEC 13.2): what was written to it, and what is known to have arrived. */
export class Tab implements ClientTab {
  readonly ref: TabRef;
  earlierSocketIds: readonly string[] = [];
  /** Resolves when what earlier sockets left is known. */
  ready: Promise<void> = Promise.resolve();
  /** True when the stored record is older than what is known here. */
  isChanged = false;
  savedAtMs = 0;
  /** True when the store could not be asked what earlier sockets left, so that the tab began anew. */
  isUninformed = false;
  /** Its client has nothing on which it could receive, so that it may have gone without a close. */
  isAway = false;
  /** The stored record says that it is away: a new socket of the tab takes it over, as that of a closed one. */
  isSavedAsAway = false;
  readonly #connection: Connection;
  readonly #needs: TabNeeds;
  /** Channels of earlier sockets that this one has not subscribed to yet. */
  #inherited = NO_POINTS;
  #places = NO_PLACES;
  #receipt: Receipt | undefined;
  #receipts = 0;
  #answered: (() => void) | undefined;
  #frozenAtMs: number | undefined;

  constructor(ref: TabRef, connection: Connection, needs: TabNeeds) {
    this.ref = ref;
    this.#connection = connection;
    this.#needs = needs;
  }

  /** True when its client has nothing on which it could receive now. */
  get isClientAway(): boolean {
    return this.#connection.socket.isAway === true;
  }

  get hasPoints(): boolean {
    return this.#inherited.size + this.#places.size > 0;
  }

  /** Takes over what earlier sockets of the tab left, but for the channels that it is on; `undefined`: that cannot be known now. */
  inherit(inheritance: Pick<Inheritance, 'points' | 'earlierSocketIds'> | undefined): void {
    this.isUninformed = inheritance === undefined;
    const points = new Map(inheritance?.points);
    for (const { ref } of this.#places.keys()) points.delete(ref.channel);
    this.#inherited = points.size === 0 ? NO_POINTS : points;
    this.earlierSocketIds = inheritance?.earlierSocketIds ?? [];
  }

  /** Where the tab continues on a channel; `undefined`: it was not on it. */
  pointOf(channel: string): ResumePoint | undefined {
    return this.#inherited.get(channel) ?? (this.isUninformed ? UNKNOWN : undefined);
  }

  /** The socket is on a channel whose events it gets after this point. */
  subscribed(subscription: Subscription, { position, atMs, isFresh }: ResumePoint): void {
    const isStored = this.#inherited.delete(subscription.ref.channel);
    const written = this.#needs.writtenPosition(subscription);
    if (this.#places === NO_PLACES) this.#places = new Map();
    this.#places.set(subscription, { position, atMs, isFresh, written });
    this.isChanged = true;
    if (!isStored) this.#needs.onNewPlace(this.#connection);
  }

  /** SPEC 13.4: the client left the channel. */
  unsubscribed(channel: string): void {
    this.#inherited.delete(channel);
    for (const subscription of this.#places.keys())
      if (subscription.ref.channel === channel) this.#places.delete(subscription);
    this.isChanged = true;
  }

  /** Begins a receipt, if something was written that has none; returns its number. One is under way at a time. */
  nextReceipt(): number | undefined {
    if (this.#receipt !== undefined) return undefined;
    const written = new Map<Subscription, Position>();
    for (const [subscription, place] of this.#places) {
      const position = this.#written(subscription, place);
      if (position !== undefined && !isConfirmed(place, position)) written.set(subscription, position);
    }
    if (written.size === 0) return undefined;
    this.#receipts += 1;
    this.#receipt = { number: this.#receipts, atMs: this.#needs.clock(), written };
    return this.#receipts;
  }

  /** The client answered a ping. */
  answered(number: number): void {
    const receipt = this.#receipt;
    if (receipt?.number !== number) return;
    this.#receipt = undefined;
    for (const [subscription, position] of receipt.written) {
      const place = this.#places.get(subscription);
      if (place !== undefined) Object.assign(place, { position, atMs: receipt.atMs, isFresh: false });
    }
    this.isChanged = true;
    this.#answered?.();
  }

  /** Resolves when no receipt is under way. */
  receiptAnswered(): Promise<void> {
    if (this.#receipt === undefined) return Promise.resolve();
    return new Promise((resolve) => (this.#answered = resolve));
  }

  /** Nothing more is written: notes up to where it was. */
  freeze(): void {
    if (this.#frozenAtMs !== undefined) return;
    for (const [subscription, place] of this.#places) place.written = this.#written(subscription, place);
    this.#frozenAtMs = this.#needs.clock();
  }

  /** SPEC 13.4. `upTo`: the point up to which events have arrived, or up to which they were written. */
  record(upTo: 'receipt' | 'sent', isAway: boolean): TabRecord {
    const points = new Map(this.#inherited);
    for (const [subscription, place] of this.#places)
      points.set(subscription.ref.channel, this.#pointOf(subscription, place, upTo));
    const { socketId, openedAtMs, seenAtMs: heardAtMs } = this.#connection;
    const times = { openedAtMs, heardAtMs, awaySinceMs: isAway ? this.#nowMs() : undefined };
    return { socketId, earlierSocketIds: this.earlierSocketIds, ...times, points };
  }

  #pointOf(subscription: Subscription, place: Place, upTo: 'receipt' | 'sent'): ResumePoint {
    const position = this.#written(subscription, place);
    const { position: arrived, atMs, isFresh } = place;
    const point = { position: arrived, atMs, isFresh };
    if (position === undefined) return point;
    const isWhole = upTo === 'sent' || isConfirmed(place, position);
    return isWhole ? { position, atMs: this.#nowMs(), isFresh: false } : point;
  }

  #nowMs(): number {
    return this.#frozenAtMs ?? this.#needs.clock();
  }

  #written(subscription: Subscription, { written }: Place): Position | undefined {
    if (this.#frozenAtMs !== undefined) return written;
    return laterOf(written, this.#needs.writtenPosition(subscription));
  }
}

const isConfirmed = ({ position, isFresh }: Place, written: Position): boolean =>
  !isFresh && position !== undefined && isSamePosition(position, written);
