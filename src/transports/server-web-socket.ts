import { isUtf8 } from 'node:buffer';
import type { Socket as NetSocket } from 'node:net';
import type { Writable } from 'node:stream';
import { WebSocket } from 'ws';
import { encode, errors } from '#protocol';
import type { FrameEncoder, Session, Socket } from '../core/ports/transport.ts';
import type { StopReason } from '../core/client/reading.ts';
import { unmappedAddress } from '../core/util/ip-address.ts';
import { coalesceSmallChunks } from './coalesce-chunks.ts';
import { flushedBytesOf } from './flushed-bytes.ts';
import { webSocketEncoder } from './frame-encoder.ts';
import { LargestFrame } from './largest-frame.ts';
import type { LingeringSockets } from './lingering-sockets.ts';
import { isSecure, type Peer } from './peer.ts';
import { isPong } from './pong.ts';
import type { TimeSlice } from './time-slice.ts';

/** Reported for a close frame without a code (RFC 6455, 7.1.5). */
const NO_CODE = 1005;
/** Frames up to this size are not tracked one by one: they are small beside any limit of buffered bytes. */
const LARGE_FRAME_BYTES = 4 * 1024;
const TERMINATED = new Error('The server terminated the socket');
const EMPTY = Buffer.alloc(0);
const PING = webSocketEncoder.encode(encode.ping());

/** Parts of the transport that all of its sockets share. */
export interface SocketContext {
  readonly lingering: LingeringSockets;
  readonly timeSlice: TimeSlice;
  failed(error: NodeJS.ErrnoException, socket: Socket): void;
}

/**
 * The core's `Socket` over a WebSocket. It extends the library's class, through the library's option for this, so that an
 * idle socket costs one object: no closure, no listener and no request is kept for it.
 */
export class ServerWebSocket extends WebSocket implements Socket {
  secure = false;
  #session: Session | undefined;
  #remoteAddress: string | undefined;
  #network!: NetSocket;
  #context!: SocketContext;
  /** Reasons for which reading is stopped, as bits. */
  #stopReasons = 0;
  #isClosed = false;
  #largestFrame: LargestFrame | undefined;
  #closeCode = NO_CODE;
  /** Payload of the newest ping that waits for its pong. */
  #pendingPing: Buffer | undefined;
  /** Receipt that the client's next `pusher:pong` confirms. */
  #receipt: number | undefined;

  /** `peer`: the client that a trusted proxy named. */
  attach(network: NetSocket, peer: Peer | undefined, context: SocketContext): void {
    this.#network = network;
    this.#context = context;
    this.#remoteAddress = peer?.remoteAddress;
    this.secure = peer?.secure ?? isSecure(network);
    coalesceSmallChunks((this as unknown as { readonly _receiver: Writable })._receiver);
  }

  startSession(session: Session): void {
    this.#session = session;
    if (this.#isClosed) session.closed(this.#closeCode);
  }

  /** Read from the kernel at its first use, then kept. */
  get remoteAddress(): string {
    return (this.#remoteAddress ??= unmappedAddress(this.#network.remoteAddress));
  }

  get transport(): 'websocket' {
    return 'websocket';
  }

  get encoder(): FrameEncoder {
    return webSocketEncoder;
  }

  get bufferedBytes(): number {
    return this.#network.writableLength;
  }

  get flushedBytes(): number {
    return flushedBytesOf(this.#network);
  }

  get bytesBeyondLargestFrame(): number {
    const flushed = this.flushedBytes;
    return this.#network.bytesWritten - flushed - (this.#largestFrame?.unflushedBytes(flushed) ?? 0);
  }

  get readingStopped(): boolean {
    return this.#stopReasons !== 0;
  }

  stopReading(reason: StopReason): void {
    if (this.readyState !== WebSocket.OPEN) return;
    if (this.#stopReasons === 0) this.pause();
    this.#stopReasons |= reason;
  }

  resumeReading(reason: StopReason): void {
    const before = this.#stopReasons;
    this.#stopReasons &= ~reason;
    if (before !== 0 && this.#stopReasons === 0) this.resume();
  }

  /** Writes to the network directly: the library's `send` would encode the same frame again for each socket. */
  write(bytes: Buffer): void {
    if (this.readyState !== WebSocket.OPEN) return;
    this.#network.write(bytes);
    if (bytes.length > LARGE_FRAME_BYTES && this.#network.writableLength > 0)
      (this.#largestFrame ??= new LargestFrame()).add(bytes.length, this.#network.bytesWritten);
  }

  /** Uses an empty write, whose callback runs when everything before it is flushed. */
  whenFlushed(done: () => void): void {
    this.#network.write(EMPTY, done);
  }

  /** Destroys with one shared error: without it, the stream creates an error for each pending chunk. */
  override terminate(): void {
    if (this.readyState === WebSocket.OPEN) this.#network.destroy(TERMINATED);
    else super.terminate();
  }

  /** Resumes reading, without which the client's close frame would not arrive. */
  #readOn(): void {
    if (this.#stopReasons === 0) return;
    this.#stopReasons = 0;
    this.resume();
  }

  /** Passes the library's events to the session, without the list of listeners that each socket would keep. */
  override emit(event: string | symbol, ...args: unknown[]): boolean {
    switch (event) {
      case 'message':
        this.#received(args[1] === true && !isUtf8(args[0] as Buffer) ? EMPTY : (args[0] as Buffer));
        this.#context.timeSlice.afterMessage(this);
        break;
      case 'ping':
      case 'pong':
        if (event === 'ping') this.#answerPing(args[0] as Buffer);
        this.#session?.alive();
        this.#context.timeSlice.afterMessage(this);
        break;
      case 'close':
        this.#reportClose(args[0] as number);
        break;
      // An invalid frame or a lost connection: 'close' follows.
      case 'error':
        this.#context.failed(args[0] as NodeJS.ErrnoException, this);
        break;
      // Other events have no listener.
    }
    return true;
  }

  /** A receipt needs an answer of the page: a browser answers control pings itself, for pages that take nothing any more too. */
  override ping(receipt?: number): void {
    if (receipt === undefined) return super.ping();
    this.#receipt = receipt;
    this.write(PING);
  }

  #received(message: Buffer): void {
    const receipt = this.#receipt;
    if (receipt !== undefined && isPong(message)) {
      this.#receipt = undefined;
      this.#session?.alive(receipt);
    }
    this.#session?.received(message);
  }

  /** Answers at once, or, once everything before is flushed, the newest ping alone: pongs do not pile up (SPEC 2.9). */
  #answerPing(payload: Buffer): void {
    if (this.#network.writableLength === 0) return this.pong(payload);
    if (this.#pendingPing === undefined)
      this.whenFlushed(() => {
        const newest = this.#pendingPing;
        this.#pendingPing = undefined;
        if (this.readyState === WebSocket.OPEN) this.pong(newest);
      });
    // A copy, because the payload is a slice that keeps the whole chunk alive.
    this.#pendingPing = Buffer.from(payload);
  }

  /** Adds the reason that the library leaves out when a message is too large (SPEC 2.11). */
  override close(code?: number, reason?: string): void {
    this.#readOn();
    this.#context.lingering.add(this.#network);
    super.close(
      code,
      reason ?? (code === errors.messageTooLarge.code ? errors.messageTooLarge.message : undefined),
    );
    this.#reportClose(code ?? NO_CODE);
  }

  /** Reports the close once: with the close frame, sent or received, not when TCP ends (SPEC 2.15). */
  #reportClose(code: number): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#closeCode = code;
    // Without a session it was refused before `opened` returned: `startSession` reports it.
    this.#session?.closed(code);
  }
}
