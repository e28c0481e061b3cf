import type { Socket } from 'node:net';

/** Private part of a socket's handle: counters of the kernel's progress. */
interface WriteHandle {
  readonly bytesWritten: number;
  readonly writeQueueSize?: number;
  /** Under TLS: the handle of TCP. The one of TLS does not count progress within a write. */
  readonly _parent?: { readonly writeQueueSize?: number };
}

/** Bytes that the kernel has taken of all that was written. The handle is read because the stream counts a large write only once all of it is taken. */
export function flushedBytesOf(network: Socket): number {
  const handle = (network as { _handle?: WriteHandle | null })._handle;
  const queued = handle?._parent?.writeQueueSize ?? handle?.writeQueueSize;
  if (handle && queued !== undefined) return handle.bytesWritten - queued;
  return network.bytesWritten - network.writableLength;
}
