import type { Socket } from 'node:net';

/** The part of a socket's handle that says what the network has taken. */
interface WriteHandle {
  readonly bytesWritten: number;
  readonly writeQueueSize?: number;
  /** Under TLS: the handle of TCP. That of TLS knows of no progress within a write. */
  readonly _parent?: { readonly writeQueueSize?: number };
}

/** Bytes that the network has taken of all that was written; within a large write the stream knows of no progress, the handle does. */
export function flushedBytesOf(network: Socket): number {
  const handle = (network as { _handle?: WriteHandle | null })._handle;
  const queued = handle?._parent?.writeQueueSize ?? handle?.writeQueueSize;
  if (handle && queued !== undefined) return handle.bytesWritten - queued;
  return network.bytesWritten - network.writableLength;
}
