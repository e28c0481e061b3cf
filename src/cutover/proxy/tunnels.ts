import type { Duplex } from 'node:stream';

/** A socket, plain or over TLS, and how many bytes went through it. */
export type CountedSocket = Duplex & { readonly bytesRead: number; readonly bytesWritten: number };

/** Milliseconds; 0: no limit. */
export interface TunnelLimits {
  /** No byte in either direction. */
  readonly idleMs: number;
  /** Bytes wait for an end that accepts none. */
  readonly stallMs: number;
}

/** One end of a tunnel, and when it last made progress. */
class TunnelEnd {
  readonly socket: CountedSocket;
  #read = 0;
  #flushed = 0;
  #lastProgressMs: number;

  constructor(socket: CountedSocket, nowMs: number) {
    this.socket = socket;
    this.#lastProgressMs = nowMs;
  }

  /** Time of the last byte that it sent or accepted. */
  lastProgressMs(nowMs: number): number {
    const { bytesRead, bytesWritten, writableLength } = this.socket;
    const flushed = bytesWritten - writableLength;
    if (bytesRead !== this.#read || flushed !== this.#flushed) this.#lastProgressMs = nowMs;
    [this.#read, this.#flushed] = [bytesRead, flushed];
    return this.#lastProgressMs;
  }
}

/** A browser's socket, and the upstream's that it is piped to. */
export class Tunnel {
  readonly bucket: number | undefined;
  readonly #browser: TunnelEnd;
  readonly #server: TunnelEnd;

  constructor(browser: CountedSocket, server: CountedSocket, bucket: number | undefined, nowMs: number) {
    this.#browser = new TunnelEnd(browser, nowMs);
    this.#server = new TunnelEnd(server, nowMs);
    this.bucket = bucket;
  }

  /** Ends both sockets without a close frame: frames are not parsed, so none can be placed between two of them. */
  close(): void {
    this.#browser.socket.end();
    this.#server.socket.end();
  }

  terminate(): void {
    this.#browser.socket.destroy();
    this.#server.socket.destroy();
  }

  /** Reason to end the tunnel; `undefined` while it may stay open. */
  endReason(nowMs: number, { idleMs, stallMs }: TunnelLimits): 'idle' | 'stalled' | undefined {
    const ends = [this.#browser, this.#server];
    const progressMs = ends.map((end) => end.lastProgressMs(nowMs));
    const isStalled = (end: TunnelEnd, at: number): boolean =>
      end.socket.writableLength > 0 && nowMs - (progressMs[at] ?? nowMs) > stallMs;
    if (stallMs > 0 && ends.some(isStalled)) return 'stalled';
    return idleMs > 0 && nowMs - Math.max(...progressMs) > idleMs ? 'idle' : undefined;
  }
}

/** All tunnels to the upstream. */
export class Tunnels {
  readonly #all = new Set<Tunnel>();

  /** Number of tunnels that are a part of the split. */
  get size(): number {
    let size = 0;
    for (const { bucket } of this.#all) if (bucket !== undefined) size += 1;
    return size;
  }

  add(tunnel: Tunnel, browser: CountedSocket): void {
    this.#all.add(tunnel);
    browser.once('close', () => this.#all.delete(tunnel));
  }

  [Symbol.iterator](): Iterator<Tunnel> {
    return this.#all.values();
  }
}
