import type { Position } from '#protocol';
import type { ChannelEvent } from '../../ports/events.ts';
import type { FrameEncoder } from '../../ports/transport.ts';
import { payloadFor } from '../../resume/positions.ts';

/** Joins stay below this, so that one write never asks for one huge buffer. */
export const JOIN_BYTES = 64 * 1024;

/** A client, as far as events may exclude it. */
export interface Excludable {
  readonly socketId: string;
  readonly earlierSocketIds: readonly string[];
}

/** The bytes for one socket: few buffers, shared by all sockets that get the same. */
interface Share {
  readonly chunks: readonly Buffer[];
  readonly bytes: number;
}

/** The bytes for a socket that may not get every event, and why it does not. */
interface OwnShare extends Share {
  readonly events: number;
  /** Events that exclude this socket. */
  readonly excluded: number;
  /** Best-effort events, if the socket is slow. */
  readonly skipped: number;
}

/** By event of a batch, as far as sockets do not get every one: those that got it, and those that did not. */
interface OwnCounts {
  readonly reach: number[];
  readonly excluded: number[];
  readonly skipped: number[];
}

/**
 * The events that one channel fans out in one go. Each is encoded once per kind of transport, and its sockets share the
 * same joined bytes.
 */
export class Batch {
  /** Local sequence numbers of the first and the last event. */
  readonly first: number;
  readonly last: number;
  readonly #events: readonly ChannelEvent[];
  readonly #frames = new Map<FrameEncoder, readonly Buffer[]>();
  readonly #joined = new Map<FrameEncoder, Share>();
  readonly #excluded: ReadonlySet<string> | undefined;
  readonly #someBestEffort: boolean;
  /** Sockets that got every event. */
  sharedBy = 0;
  /** Sockets that got none, because they were closing. */
  closing = 0;
  #own: OwnCounts | undefined;

  constructor(events: readonly ChannelEvent[], last: number) {
    this.#events = events;
    this.last = last;
    this.first = last - events.length + 1;
    const excluded = events.flatMap(({ except }) => (except === undefined ? [] : [except]));
    this.#excluded = excluded.length === 0 ? undefined : new Set(excluded);
    this.#someBestEffort = events.some((event) => event.bestEffort);
  }

  get size(): number {
    return this.#events.length;
  }

  event(at: number): ChannelEvent {
    return this.#events[at] as ChannelEvent;
  }

  /** `undefined`: each socket got every event, or none. */
  get own(): OwnCounts | undefined {
    return this.#own;
  }

  /** Position of the last event that has one. */
  get position(): Position | undefined {
    return this.#events.findLast(({ position }) => position !== undefined)?.position;
  }

  /** True when an event excludes a socket. */
  get excludesSome(): boolean {
    return this.#excluded !== undefined;
  }

  /** The share of sockets that get every event: the same one for each socket with that encoder. */
  forAll(encoder: FrameEncoder): Share {
    let share = this.#joined.get(encoder);
    if (share === undefined) {
      share = shareOf(this.#framesFor(encoder));
      this.#joined.set(encoder, share);
    }
    return share;
  }

  /** True when an event is left out for this client. */
  differsFor(client: Excludable, slow: boolean): boolean {
    return (
      (slow && this.#someBestEffort) || (this.#excluded !== undefined && isAmong(this.#excluded, client))
    );
  }

  /** The share of one socket: events after number `upTo`, without those that exclude it, and without best-effort ones if it is slow. */
  forOne(encoder: FrameEncoder, client: Excludable, upTo: number, slow: boolean): OwnShare {
    const all = this.#framesFor(encoder);
    const frames: Buffer[] = [];
    const own = (this.#own ??= this.#startOwn());
    let excluded = 0;
    let skipped = 0;
    for (let at = Math.max(0, upTo - this.first + 1); at < all.length; at += 1) {
      const event = this.#events[at] as ChannelEvent;
      if (isExcluded(event, client)) {
        excluded += 1;
        countAt(own.excluded, at);
      } else if (slow && event.bestEffort === true) {
        skipped += 1;
        countAt(own.skipped, at);
      } else {
        frames.push(all[at] as Buffer);
        countAt(own.reach, at);
      }
    }
    return { ...shareOf(frames), events: frames.length, excluded, skipped };
  }

  /** Calls back with each event and the number of sockets that got it. */
  eachReach(act: (event: ChannelEvent, sockets: number) => void): void {
    this.#events.forEach((event, at) => act(event, this.sharedBy + (this.#own?.reach[at] ?? 0)));
  }

  #startOwn(): OwnCounts {
    const zeros = (): number[] => new Array<number>(this.#events.length).fill(0);
    return { reach: zeros(), excluded: zeros(), skipped: zeros() };
  }

  #framesFor(encoder: FrameEncoder): readonly Buffer[] {
    let frames = this.#frames.get(encoder);
    if (frames === undefined) {
      frames = this.#events.map((event) => encoder.encode(payloadFor(event, encoder)));
      this.#frames.set(encoder, frames);
    }
    return frames;
  }
}

const countAt = (counts: number[], at: number): void => void (counts[at] = (counts[at] ?? 0) + 1);

/** SPEC 3.13, 13.5: true when the event excluded this socket, or an earlier one of its tab. */
export const isExcluded = ({ except }: ChannelEvent, { socketId, earlierSocketIds }: Excludable): boolean =>
  except !== undefined && (except === socketId || earlierSocketIds.includes(except));

const isAmong = (excluded: ReadonlySet<string>, { socketId, earlierSocketIds }: Excludable): boolean =>
  excluded.has(socketId) || (earlierSocketIds.length > 0 && earlierSocketIds.some((id) => excluded.has(id)));

const shareOf = (frames: readonly Buffer[]): Share => ({
  chunks: join(frames),
  bytes: frames.reduce((sum, { length }) => sum + length, 0),
});

function join(frames: readonly Buffer[]): readonly Buffer[] {
  if (frames.length <= 1) return frames;
  const chunks: Buffer[] = [];
  let run: Buffer[] = [];
  let bytes = 0;
  for (const frame of frames) {
    if (run.length > 0 && bytes + frame.length > JOIN_BYTES) {
      chunks.push(Buffer.concat(run, bytes));
      run = [];
      bytes = 0;
    }
    run.push(frame);
    bytes += frame.length;
  }
  chunks.push(Buffer.concat(run, bytes));
  return chunks;
}
