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
  /** By event: sockets that got it and not every other one. */
  readonly #ownReach: number[] | undefined;

  /** `isWatched`: the sockets of each event are counted. */
  constructor(events: readonly ChannelEvent[], last: number, isWatched = false) {
    this.#ownReach = isWatched ? events.map(() => 0) : undefined;
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
    let excluded = 0;
    let skipped = 0;
    for (let at = Math.max(0, upTo - this.first + 1); at < all.length; at += 1) {
      const event = this.#events[at] as ChannelEvent;
      if (isExcluded(event, client)) excluded += 1;
      else if (slow && event.bestEffort === true) skipped += 1;
      else {
        frames.push(all[at] as Buffer);
        if (this.#ownReach !== undefined) this.#ownReach[at] = (this.#ownReach[at] ?? 0) + 1;
      }
    }
    return { ...shareOf(frames), events: frames.length, excluded, skipped };
  }

  /** Calls back with each event and the number of sockets that got it, if these are counted. */
  eachReach(act: (event: ChannelEvent, sockets: number) => void): void {
    this.#ownReach?.forEach((own, at) => act(this.#events[at] as ChannelEvent, this.sharedBy + own));
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
