import type { ChannelRef } from '../ports/channel-ref.ts';
import { fingerprintOfMark, markOf } from './fingerprint.ts';
import type { DeliveryFacts } from './facts.ts';

/** Bytes of the budget for one place: two references, time and position, seven numbers, and the text of a usual event. */
const PLACE_BYTES = 256;
/** The part of it that is taken from the start. */
const FIXED_BYTES = 64;
/** Numbers of a place. */
const COLUMNS = 7;

/** Subscribers of a channel on this process when an event reached them, and what became of it. */
export interface DeliveryCounts {
  readonly subscribers: number;
  readonly sockets: number;
  readonly excluded: number;
  readonly slow: number;
  readonly closing: number;
  readonly subscribing: number;
  /** Place of the event in the history of its channel; `undefined`: it is in none. */
  readonly offset?: number | undefined;
}

/**
 * The newest deliveries, bounded in bytes. A delivery is some numbers in typed arrays, beside references to objects that exist
 * already: adding one allocates nothing, unless its frame is long.
 */
export class DeliveryRing {
  readonly #places: number;
  readonly #mostTextBytes: number;
  readonly #refs: (ChannelRef | undefined)[];
  readonly #marks: (string | undefined)[];
  readonly #atMs: Float64Array;
  readonly #offsets: Float64Array;
  readonly #numbers: Uint32Array;
  /** Of the next delivery and of the oldest, counted on without end. */
  #next = 0;
  #oldest = 0;
  #textBytes = 0;

  constructor(mostBytes: number) {
    this.#places = Math.floor(mostBytes / PLACE_BYTES);
    this.#mostTextBytes = mostBytes - this.#places * FIXED_BYTES;
    this.#refs = new Array<undefined>(this.#places).fill(undefined);
    this.#marks = new Array<undefined>(this.#places).fill(undefined);
    this.#atMs = new Float64Array(this.#places);
    this.#offsets = new Float64Array(this.#places);
    this.#numbers = new Uint32Array(this.#places * COLUMNS);
  }

  get bytes(): number {
    return this.#places * FIXED_BYTES + this.#textBytes;
  }

  /** Time since which all are kept; `undefined`: none was dropped. */
  get keptSinceMs(): number | undefined {
    return this.#oldest === 0 ? undefined : this.#atMs[this.#oldest % this.#places];
  }

  add(ref: ChannelRef, frame: string, atMs: number, counts: DeliveryCounts): void {
    const mark = markOf(frame);
    const bytes = textBytes(ref, mark);
    if (this.#places === 0 || bytes > this.#mostTextBytes) return;
    if (this.#next - this.#oldest === this.#places) this.#dropOldest();
    while (this.#textBytes + bytes > this.#mostTextBytes) this.#dropOldest();
    const place = this.#next % this.#places;
    this.#next += 1;
    this.#textBytes += bytes;
    this.#refs[place] = ref;
    this.#marks[place] = mark;
    this.#atMs[place] = atMs;
    this.#offsets[place] = counts.offset ?? 0;
    const at = place * COLUMNS;
    this.#numbers[at] = counts.subscribers;
    this.#numbers[at + 1] = counts.sockets;
    this.#numbers[at + 2] = counts.excluded;
    this.#numbers[at + 3] = counts.slow;
    this.#numbers[at + 4] = counts.closing;
    this.#numbers[at + 5] = counts.subscribing;
    this.#numbers[at + 6] = bytes;
  }

  /** Deliveries of a channel, the newest first. */
  *of({ app, channel }: ChannelRef): Iterable<DeliveryFacts> {
    for (let number = this.#next - 1; number >= this.#oldest; number -= 1) {
      const place = number % this.#places;
      const ref = this.#refs[place];
      if (ref?.channel === channel && ref.app === app) yield this.#at(place, ref);
    }
  }

  #at(place: number, { app, channel }: ChannelRef): DeliveryFacts {
    const number = (column: number): number => this.#numbers[place * COLUMNS + column] ?? 0;
    return {
      app,
      channel,
      fingerprint: fingerprintOfMark(this.#marks[place] ?? ''),
      atMs: this.#atMs[place] ?? 0,
      subscribers: number(0),
      sockets: number(1),
      excluded: number(2),
      slow: number(3),
      closing: number(4),
      subscribing: number(5),
      offset: this.#offsets[place] || undefined,
    };
  }

  #dropOldest(): void {
    const place = this.#oldest % this.#places;
    this.#oldest += 1;
    this.#textBytes -= this.#numbers[place * COLUMNS + 6] ?? 0;
    this.#refs[place] = undefined;
    this.#marks[place] = undefined;
  }
}

/** Most bytes that the texts of a delivery take: two for each character. */
const textBytes = ({ app, channel }: ChannelRef, mark: string): number =>
  2 * (app.length + channel.length + mark.length) + 24;
