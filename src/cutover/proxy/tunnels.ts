import type { Duplex } from 'node:stream';

/** A socket, plain or over TLS, and how many bytes went through it. */
export type CountedSocket = Duplex & { readonly bytesRead: number; readonly bytesWritten: number };

/** Milliseconds; 0: no limit. */
export interface TunnelLimits {
  /** No byte in either direction. */
  readonly idleMs: number;
  /** Bytes wait for an end that takes none. */
  readonly stallMs: number;
}

/** One end, as it looked when something last moved. */
class End {
  readonly socket: CountedSocket;
  #read = 0;
  #taken = 0;
  #movedAtMs: number;

  constructor(socket: CountedSocket, nowMs: number) {
    this.socket = socket;
    this.#movedAtMs = nowMs;
  }

  /** When it last sent or took a byte. */
  movedAtMs(nowMs: number): number {
    const { bytesRead, bytesWritten, writableLength } = this.socket;
    const taken = bytesWritten - writableLength;
    if (bytesRead !== this.#read || taken !== this.#taken) this.#movedAtMs = nowMs;
    [this.#read, this.#taken] = [bytesRead, taken];
    return this.#movedAtMs;
  }
}

/** A browser's socket and the one at the other side that it is joined to. */
export class Tunnel {
  readonly bucket: number | undefined;
  readonly #browser: End;
  readonly #server: End;

  constructor(browser: CountedSocket, server: CountedSocket, bucket: number | undefined, nowMs: number) {
    this.#browser = new End(browser, nowMs);
    this.#server = new End(server, nowMs);
    this.bucket = bucket;
  }

  /** Without a word: only a frame's end would be a place for one, and frames are not looked at. */
  close(): void {
    this.#browser.socket.end();
    this.#server.socket.end();
  }

  terminate(): void {
    this.#browser.socket.destroy();
    this.#server.socket.destroy();
  }

  /** Why it is to be ended; `undefined` while it may stay. */
  judge(nowMs: number, { idleMs, stallMs }: TunnelLimits): 'idle' | 'stalled' | undefined {
    const ends = [this.#browser, this.#server];
    const moved = ends.map((end) => end.movedAtMs(nowMs));
    const isStalled = (end: End, at: number): boolean =>
      end.socket.writableLength > 0 && nowMs - (moved[at] ?? nowMs) > stallMs;
    if (stallMs > 0 && ends.some(isStalled)) return 'stalled';
    return idleMs > 0 && nowMs - Math.max(...moved) > idleMs ? 'idle' : undefined;
  }
}

/** Every socket that passes through to the other side. */
export class Tunnels {
  readonly #all = new Set<Tunnel>();

  /** Those that are a part of the split. */
  get size(): number {
    let size = 0;
    for (const { bucket } of this.#all) if (bucket !== undefined) size += 1;
    return size;
  }

  add(pair: Tunnel, browser: CountedSocket): void {
    this.#all.add(pair);
    browser.once('close', () => this.#all.delete(pair));
  }

  [Symbol.iterator](): Iterator<Tunnel> {
    return this.#all.values();
  }
}
