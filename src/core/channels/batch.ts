import type { ChannelEvent } from '../ports/cluster.ts';
import type { FrameEncoder } from '../ports/transport.ts';

/** Joins stay below this, so that one write never asks for one huge buffer. */
export const JOIN_BYTES = 64 * 1024;

/** What a socket is given: few buffers, shared by all that get the same. */
export type Chunks = readonly Buffer[];

/**
 * The events that one channel fans out in one go. Each is put on the wire once per kind of transport,
 * and every socket is given the same joined bytes.
 */
export class Batch {
  /** Numbers of the first and the last event in their channel. */
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

  /** True when an event leaves somebody out. */
  get leavesOut(): boolean {
    return this.#excluded !== undefined;
  }

  /** For everybody whom no event leaves out: the same chunks for each socket of that wire. */
  forAll(wire: FrameEncoder): Chunks {
    let chunks = this.#joined.get(wire);
    if (chunks === undefined) {
      chunks = join(this.#framesFor(wire));
      this.#joined.set(wire, chunks);
    }
    return chunks;
  }

  /** True when a socket may not get exactly what everybody gets. */
  differsFor(socketId: string, slow: boolean): boolean {
    return (slow && this.#someBestEffort) || (this.#excluded !== undefined && this.#excluded.has(socketId));
  }

  /** What is left for one socket: after event number `upTo`, not its own, and no best effort if it is slow. */
  forOne(wire: FrameEncoder, socketId: string, upTo: number, slow: boolean): Chunks {
    const mayHave = (event: ChannelEvent, at: number): boolean =>
      this.first + at > upTo && event.except !== socketId && !(slow && event.bestEffort);
    const frames = this.#framesFor(wire);
    return join(this.#events.flatMap((event, at) => (mayHave(event, at) ? frames.slice(at, at + 1) : [])));
  }

  #framesFor(wire: FrameEncoder): readonly Buffer[] {
    let frames = this.#frames.get(wire);
    if (frames === undefined) {
      frames = this.#events.map((event) => wire.encode(event.payload));
      this.#frames.set(wire, frames);
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
