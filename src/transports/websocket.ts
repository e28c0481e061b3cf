import { isUtf8 } from 'node:buffer';
import type { IncomingMessage, Server as HttpServer } from 'node:http';
import type { Socket as NetSocket } from 'node:net';
import type { Duplex, Writable } from 'node:stream';
import { type Server, WebSocket, WebSocketServer } from 'ws';
import { errors } from '#protocol';
import type { FrameEncoder, Gateway, Session, Socket, UpgradeContext } from '../core/ports/transport.ts';
import type { RefusalReason } from '../core/refusals/reasons.ts';
import type { Refusals } from '../core/refusals/refusals.ts';
import type { StopReason } from '../core/client/reading.ts';
import { pathOf, splitTarget } from '../core/util/http-text.ts';
import { unmappedAddress } from '../core/util/ip-address.ts';
import { appKeyIn, protocolIn } from './app-key.ts';
import { isSecure, type Peer, type PeerReader } from './peer.ts';
import { coalesceSmallChunks } from './coalesce-chunks.ts';
import { LargestFrame } from './largest-frame.ts';
import { LingeringSockets } from './lingering-sockets.ts';
import { endGracefully, upgradeRefusal } from './refuse-upgrade.ts';
import { flushedBytesOf } from './flushed-bytes.ts';
import { TimeSlice } from './time-slice.ts';
import { webSocketEncoder } from './frame-encoder.ts';

/** Reported for a close frame without a code (RFC 6455, 7.1.5). */
const NO_CODE = 1005;
/** Frames up to this size are not tracked one by one: they are small beside any limit of buffered bytes. */
const LARGE_FRAME_BYTES = 4 * 1024;
const TERMINATED = new Error('The server terminated the socket');
const EMPTY = Buffer.alloc(0);
const UNAVAILABLE = { memory_short: 'Memory is short.', server_closing: 'Server is closing.' } as const;

/** Parts of the transport that all of its sockets share. */
interface SocketContext {
  readonly lingering: LingeringSockets;
  readonly timeSlice: TimeSlice;
  failed(error: NodeJS.ErrnoException, socket: Socket): void;
}

/**
 * The core's `Socket` over a WebSocket. It extends the library's class, through the library's option for this, so that an
 * idle socket costs one object: no closure, no listener and no request is kept for it.
 */
class ServerWebSocket extends WebSocket implements Socket {
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
        this.#session?.received(args[1] === true && !isUtf8(args[0] as Buffer) ? EMPTY : (args[0] as Buffer));
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

export interface WebSocketTransportOptions {
  readonly gateway: Gateway;
  /** Why upgrades are refused with 503 (SPEC 2.13, 8.11); `undefined`: they are not. */
  readonly unavailableFor: () => 'memory_short' | 'server_closing' | undefined;
  readonly peers: PeerReader;
  /** REVERB_SERVER_PATH without slashes at its ends; clients may use it or not (SPEC 2.1). */
  readonly prefix: string;
  /** Largest message of any app; the gateway applies each app's own limit. */
  readonly messageBytes: number;
  readonly fragmentsPerMessage: number;
  /** Sockets that may stay open for their last bytes, after a refusal or a close frame. */
  readonly maxLingering: number;
  /** Time that each of them has. */
  readonly lingerMs: number;
  readonly refusals: Pick<Refusals, 'count'>;
}

/** Serves WebSocket upgrades of `/app/{key}`: opens a session of the gateway for each. */
export class WebSocketTransport {
  readonly #options: WebSocketTransportOptions;
  readonly #server: Server<typeof ServerWebSocket>;
  readonly #context: SocketContext;
  /** Header line of the 101 answer, by the request that it is for. */
  readonly #headerLines = new WeakMap<IncomingMessage, string>();
  #corked: Duplex[] = [];

  constructor(options: WebSocketTransportOptions) {
    this.#options = options;
    this.#context = {
      lingering: new LingeringSockets(options.maxLingering),
      timeSlice: new TimeSlice(),
      failed: (error, { remoteAddress }) => this.#countFailure(error, remoteAddress),
    };
    const serverOptions = {
      noServer: true,
      clientTracking: false,
      perMessageDeflate: false,
      WebSocket: ServerWebSocket,
      handleProtocols: (): false => false,
      maxPayload: options.messageBytes,
      maxFragments: options.fragmentsPerMessage,
      // No limit: small chunks are coalesced, so that the network's splitting of a message closes no client (CVE-2026-48779).
      maxBufferedChunks: 0,
      autoPong: false,
      closeTimeout: options.lingerMs,
    };
    this.#server = new WebSocketServer(serverOptions);
    this.#server.on('headers', (lines, request) => {
      const line = this.#headerLines.get(request);
      if (line !== undefined) lines.push(line);
    });
  }

  attach(http: HttpServer): void {
    http.on('upgrade', (request, network, head) => this.upgrade(request, network, head));
  }

  /** Answers one upgrade. `context`: changes of a front door, for this upgrade alone. */
  upgrade(request: IncomingMessage, network: Duplex, head: Buffer, context?: UpgradeContext): void {
    const [path, query] = splitTarget(request.url);
    const appKey = appKeyIn(path, this.#options.prefix);
    if (appKey === undefined) return this.#refuse(network, request, '404 Not Found', 'Not found.');
    if (request.headers.upgrade?.toLowerCase() !== 'websocket') {
      return this.#refuse(network, request, '426 Upgrade Required', 'Upgrade required.');
    }
    const reason = this.#options.unavailableFor();
    if (reason !== undefined)
      return this.#refuse(network, request, '503 Service Unavailable', UNAVAILABLE[reason], reason);
    const { gateway = this.#options.gateway, headerLine } = context ?? {};
    if (headerLine !== undefined) this.#headerLines.set(request, headerLine);
    this.#corkUntilNextIteration(network);
    this.#server.handleUpgrade(request, network, head, (socket) => {
      socket.attach(request.socket, this.#options.peers.forwardedPeer(request), this.#context);
      const handshake = { appKey, protocol: protocolIn(query), origin: request.headers.origin };
      socket.startSession(gateway.opened(socket, handshake));
    });
  }

  /** Answers an upgrade on a port that serves no clients, as one of an unknown path. */
  refuseUpgrade(request: IncomingMessage, network: Duplex): void {
    this.#refuse(network, request, '404 Not Found', 'Not found.');
  }

  #refuse(
    network: Duplex,
    request: IncomingMessage,
    status: string,
    body: string,
    reason: RefusalReason = 'upgrade',
  ): void {
    const { remoteAddress: address } = this.#options.peers.read(request);
    this.#options.refusals.count(reason, {
      address,
      status,
      url: pathOf(request.url).slice(0, 200),
    });
    this.endGracefully(network, upgradeRefusal(status, body));
  }

  /** Writes the last bytes of a socket, drops what its client still sends, and closes it within `lingerMs`. */
  endGracefully(network: Duplex, lastBytes: string | Buffer): void {
    this.#context.lingering.add(network);
    endGracefully(network, lastBytes, this.#options.lingerMs);
  }

  /** Counts clients whose frames break RFC 6455 or a limit; lost connections are not counted. */
  #countFailure({ code = '' }: NodeJS.ErrnoException, address: string): void {
    if (code.startsWith('WS_ERR_')) this.#options.refusals.count('websocket_frame', { address, code });
  }

  /** Sends the 101 answer and the first frame in one packet, if that frame is written in this iteration of the event loop. */
  #corkUntilNextIteration(network: Duplex): void {
    network.cork();
    if (this.#corked.push(network) > 1) return;
    setImmediate(() => {
      const corked = this.#corked;
      this.#corked = [];
      for (const each of corked) each.uncork();
    });
  }
}
