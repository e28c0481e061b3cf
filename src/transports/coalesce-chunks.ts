import type { Writable } from 'node:stream';

/** Fewer chunks are left as the network brought them. */
const FEW = 32;

/** The part of the library's receiver that holds bytes of a frame until it is whole. */
type FrameReceiver = Writable & { _buffers: Buffer[] };

/**
 * Bounds what a message costs by its bytes, however the network cuts it: a chunk of one byte costs some hundred in memory. From 32 chunks on
 * each is at least twice as large as the next, so that there are few, and each byte is copied only a few times.
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
  if (this._buffers.length >= FEW) coalesce(this._buffers);
  (Object.getPrototypeOf(this) as Writable)._write.call(this, chunk, encoding, done);
}

/** Joins what stands at the end until the chunk before it is at least twice as large. */
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
