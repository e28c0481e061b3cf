import type { Writable } from 'node:stream';

/** Up to this number of chunks nothing is copied. */
const MAX_UNMERGED_CHUNKS = 32;

/** Private part of `ws`' receiver: the chunks of a frame that is not complete yet. */
type FrameReceiver = Writable & { _buffers: Buffer[] };

/**
 * Bounds the memory of an incomplete message by its size, however small its chunks are: a chunk of one byte takes about
 * a hundred bytes of heap. From 32 chunks on, the last ones are merged so that each chunk is at least twice as large as
 * the next: there are few of them, and each byte is copied only a few times.
 *
 *     chunks of 8 4 2 1 bytes, then 1 more:  1 + 1 → 2, 2 + 2 → 4, 4 + 4 → 8, 8 + 8 → one chunk of 16
 */
export function coalesceSmallChunks(receiver: Writable): void {
  receiver._write = writeCoalescing;
}

function writeCoalescing(
  this: FrameReceiver,
  chunk: Buffer,
  encoding: BufferEncoding,
  done: (error?: Error | null) => void,
): void {
  if (this._buffers.length >= MAX_UNMERGED_CHUNKS) coalesce(this._buffers);
  (Object.getPrototypeOf(this) as Writable)._write.call(this, chunk, encoding, done);
}

/** Merges chunks from the end until the one before is at least twice as large. */
function coalesce(buffers: Buffer[]): void {
  const sizeAt = (at: number): number => buffers[at]?.length ?? Infinity;
  let from = buffers.length - 1;
  let bytes = sizeAt(from);
  while (sizeAt(from - 1) < 2 * bytes) {
    from -= 1;
    bytes += sizeAt(from);
  }
  if (from < buffers.length - 1) buffers.splice(from, Infinity, Buffer.concat(buffers.slice(from), bytes));
}
