import type { ChannelEvent } from '../ports/events.ts';
import type { FrameEncoder } from '../ports/transport.ts';

/** Joins stay below this, so that one write never asks for one huge buffer. */
export const JOIN_BYTES = 64 * 1024;

/** The bytes for one socket: few buffers, shared by all sockets that get the same. */
export type Chunks = readonly Buffer[];

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
  readonly #joined = new Map<FrameEncoder, Chunks>();
  readonly #excluded: ReadonlySet<string> | undefined;
  readonly #someBestEffort: boolean;

  constructor(events: readonly ChannelEvent[], last: number) {
    this.#events = events;
    this.last = last;
    this.first = last - events.length + 1;
    const excluded = events.flatMap(({ except }) => (except === undefined ? [] : [except]));
    this.#excluded = excluded.length === 0 ? undefined : new Set(excluded);
    this.#someBestEffort = events.some((event) => event.bestEffort);
  }

  /** True when an event excludes a socket. */
  get excludesSome(): boolean {
    return this.#excluded !== undefined;
  }

  /** The chunks for sockets that get every event: the same ones for each socket with that encoder. */
  forAll(encoder: FrameEncoder): Chunks {
    let chunks = this.#joined.get(encoder);
    if (chunks === undefined) {
      chunks = join(this.#framesFor(encoder));
      this.#joined.set(encoder, chunks);
    }
    return chunks;
  }

  /** True when an event is left out for this socket. */
  differsFor(socketId: string, slow: boolean): boolean {
    return (slow && this.#someBestEffort) || (this.#excluded !== undefined && this.#excluded.has(socketId));
  }

  /** The chunks for one socket: events after number `upTo`, without its own, and without best-effort ones if it is slow. */
  forOne(encoder: FrameEncoder, socketId: string, upTo: number, slow: boolean): Chunks {
    const mayHave = (event: ChannelEvent, at: number): boolean =>
      this.first + at > upTo && event.except !== socketId && !(slow && event.bestEffort);
    const frames = this.#framesFor(encoder);
    return join(this.#events.flatMap((event, at) => (mayHave(event, at) ? frames.slice(at, at + 1) : [])));
  }

  #framesFor(encoder: FrameEncoder): readonly Buffer[] {
    let frames = this.#frames.get(encoder);
    if (frames === undefined) {
      frames = this.#events.map((event) => encoder.encode(event.payload));
      this.#frames.set(encoder, frames);
    }
    return frames;
  }
}

function join(frames: readonly Buffer[]): Chunks {
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
