import { isUtf8 } from 'node:buffer';
import type { IncomingMessage, Server as HttpServer } from 'node:http';
import type { Socket as NetSocket } from 'node:net';
import type { Duplex, Writable } from 'node:stream';
import { type Server, WebSocket, WebSocketServer } from 'ws';
import { errors } from '#protocol';
import type { FrameEncoder, Gateway, Session, Socket, UpgradeContext } from '../core/ports/transport.ts';
import type { RefusalReason, Refusals } from '../core/refusals.ts';
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

/** What the core is told of a close frame that names no code (RFC 6455 7.1.5). */
const NO_CODE = 1005;
/** Smaller frames are not looked at one by one: beside a limit of unsent bytes they are nothing. */
const LARGE_BYTES = 4 * 1024;
const CUT = new Error('The socket was cut');
const NOTHING = Buffer.alloc(0);

/** The part of the transport that a socket needs: for its end, and for its share of the event loop. */
interface SocketContext {
  readonly lingering: LingeringSockets;
  readonly timeSlice: TimeSlice;
  failed(error: NodeJS.ErrnoException, socket: Socket): void;
}

/**
 * A WebSocket as the core sees it. It extends the library's class, as the library offers, because one object per socket
 * is all that ten thousand idle sockets should cost: no closure, no listener and no request is kept for any of them.
 */
class ServerWebSocket extends WebSocket implements Socket {
  secure = false;
  #session: Session | undefined;
  #remoteAddress: string | undefined;
  #network!: NetSocket;
  #transport!: SocketContext;
  /** The reasons not to read, as bits. */
  #stopped = 0;
  #left = false;
  #largest: LargestFrame | undefined;
  #closeCode = NO_CODE;
  /** Payload of the newest ping that could not be answered at once. */
  #unanswered: Buffer | undefined;

  /** `peer`: what a proxy told. */
  attach(network: NetSocket, peer: Peer | undefined, transport: SocketContext): void {
    this.#network = network;
    this.#transport = transport;
    this.#remoteAddress = peer?.remoteAddress;
    this.secure = peer?.secure ?? isSecure(network);
    coalesceSmallChunks((this as unknown as { readonly _receiver: Writable })._receiver);
  }

  startSession(session: Session): void {
    this.#session = session;
    if (this.#left) session.closed(this.#closeCode);
  }

  /** The kernel is asked when somebody wants it; once known, it stays. */
  get remoteAddress(): string {
    return (this.#remoteAddress ??= unmappedAddress(this.#network.remoteAddress));
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
    const taken = this.flushedBytes;
    return this.#network.bytesWritten - taken - (this.#largest?.unsentBytes(taken) ?? 0);
  }

  get readingStopped(): boolean {
    return this.#stopped !== 0;
  }

  stopReading(reason: StopReason): void {
    if (this.readyState !== WebSocket.OPEN) return;
    if (this.#stopped === 0) this.pause();
    this.#stopped |= reason;
  }

  resumeReading(reason: StopReason): void {
    const before = this.#stopped;
    this.#stopped &= ~reason;
    if (before !== 0 && this.#stopped === 0) this.resume();
  }

  /** Past the library's `send`, which would frame the same bytes again for each socket. */
  write(bytes: Buffer): void {
    if (this.readyState !== WebSocket.OPEN) return;
    this.#network.write(bytes);
    if (bytes.length > LARGE_BYTES && this.#network.writableLength > 0)
      (this.#largest ??= new LargestFrame()).add(bytes.length, this.#network.bytesWritten);
  }

  /** By a write of nothing, whose turn comes when all that stands before it is taken. */
  whenFlushed(done: () => void): void {
    this.#network.write(NOTHING, done);
  }

  /** With an error of its own: a stream that is destroyed without one makes an error for each chunk that waits. */
  override terminate(): void {
    if (this.readyState === WebSocket.OPEN) this.#network.destroy(CUT);
    else super.terminate();
  }

  /** The answer to a close frame can only come while the socket is read. */
  #readOn(): void {
    if (this.#stopped === 0) return;
    this.#stopped = 0;
    this.resume();
  }

  /** In place of listeners, which each socket would keep a list of: what happens to it goes to its session. */
  override emit(event: string | symbol, ...args: unknown[]): boolean {
    switch (event) {
      case 'message':
        this.#session?.received(
          args[1] === true && !isUtf8(args[0] as Buffer) ? NOTHING : (args[0] as Buffer),
        );
        this.#transport.timeSlice.afterMessage(this);
        break;
      case 'ping':
        this.#answerPing(args[0] as Buffer);
        this.#session?.alive();
        this.#transport.timeSlice.afterMessage(this);
        break;
      case 'pong':
        this.#session?.alive();
        this.#transport.timeSlice.afterMessage(this);
        break;
      case 'close':
        this.#leave(args[0] as number);
        break;
      // A broken frame or a lost connection: 'close' follows by itself.
      case 'error':
        this.#transport.failed(args[0] as NodeJS.ErrnoException, this);
        break;
      // Nobody waits for the others.
    }
    return true;
  }

  /** SPEC 2.9: at once, or the newest alone when everything before it is taken: pongs do not pile up. */
  #answerPing(payload: Buffer): void {
    if (this.#network.writableLength === 0) return this.pong(payload);
    if (this.#unanswered === undefined)
      this.whenFlushed(() => {
        const newest = this.#unanswered;
        this.#unanswered = undefined;
        if (this.readyState === WebSocket.OPEN) this.pong(newest);
      });
    // A copy: the payload is a part of everything that was read with it.
    this.#unanswered = Buffer.from(payload);
  }

  /** The library gives no reason when it closes for the size of a message (SPEC 2.11). */
  override close(code?: number, reason?: string): void {
    this.#readOn();
    this.#transport.lingering.add(this.#network);
    super.close(
      code,
      reason ?? (code === errors.messageTooLarge.code ? errors.messageTooLarge.message : undefined),
    );
    this.#leave(code ?? NO_CODE);
  }

  /** SPEC 2.15: a client has left with its close frame, sent or received; when TCP ends is the socket's matter alone. */
  #leave(code: number): void {
    if (this.#left) return;
    this.#left = true;
    this.#closeCode = code;
    // Without a session it is refused before `opened` returned: `begin` reports it.
    this.#session?.closed(code);
  }
}

export interface WebSocketTransportOptions {
  readonly gateway: Gateway;
  /** False: nobody new is let in (SPEC 8.11). */
  readonly acceptsConnections: () => boolean;
  readonly peers: PeerReader;
  /** Reverb's REVERB_SERVER_PATH without slashes at its ends; clients may use it or not (SPEC 2.1). */
  readonly prefix: string;
  /** Largest message of any app; each app's own limit is the gateway's. */
  readonly messageBytes: number;
  readonly fragmentsPerMessage: number;
  /** Sockets that may be open for their last bytes alone, after a refusal or a close frame, and how long each may be. */
  readonly maxLingering: number;
  readonly lingerMs: number;
  readonly refusals: Pick<Refusals, 'count'>;
}

/** Takes WebSocket upgrades of `/app/{key}` from an HTTP server and brings them to the gateway. */
export class WebSocketTransport {
  readonly #needs: WebSocketTransportOptions;
  readonly #server: Server<typeof ServerWebSocket>;
  readonly #shared: SocketContext;
  readonly #headerLines = new WeakMap<IncomingMessage, string>();
  #held: Duplex[] = [];

  constructor(needs: WebSocketTransportOptions) {
    this.#needs = needs;
    const { lingerMs } = needs;
    const lingering = new LingeringSockets(needs.maxLingering);
    this.#shared = {
      lingering,
      timeSlice: new TimeSlice(),
      failed: (error, { remoteAddress }) => this.#failed(error, remoteAddress),
    };
    const options = {
      noServer: true,
      clientTracking: false,
      perMessageDeflate: false,
      WebSocket: ServerWebSocket,
      handleProtocols: (): false => false,
      maxPayload: needs.messageBytes,
      maxFragments: needs.fragmentsPerMessage,
      // They are gathered: how the network cuts a message ends no client (CVE-2026-48779).
      maxBufferedChunks: 0,
      autoPong: false,
      closeTimeout: lingerMs,
    };
    this.#server = new WebSocketServer(options);
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
    const appKey = appKeyIn(path, this.#needs.prefix);
    if (appKey === undefined) return this.#refuse(network, request, '404 Not Found', 'Not found.');
    if (request.headers.upgrade?.toLowerCase() !== 'websocket') {
      return this.#refuse(network, request, '426 Upgrade Required', 'Upgrade required.');
    }
    if (!this.#needs.acceptsConnections()) {
      return this.#refuse(network, request, '503 Service Unavailable', 'Memory is short.', 'memory_short');
    }
    const { gateway = this.#needs.gateway, headerLine } = context ?? {};
    if (headerLine !== undefined) this.#headerLines.set(request, headerLine);
    this.#holdWrites(network);
    this.#server.handleUpgrade(request, network, head, (socket) => {
      socket.attach(request.socket, this.#needs.peers.forwardedPeer(request), this.#shared);
      const handshake = { appKey, protocol: protocolIn(query), origin: request.headers.origin };
      socket.startSession(gateway.opened(socket, handshake));
    });
  }

  #refuse(
    network: Duplex,
    request: IncomingMessage,
    status: string,
    body: string,
    reason: RefusalReason = 'upgrade',
  ): void {
    const { remoteAddress: address } = this.#needs.peers.read(request);
    this.#needs.refusals.count(reason, {
      address,
      status,
      url: pathOf(request.url).slice(0, 200),
    });
    this.endGracefully(network, upgradeRefusal(status, body));
  }

  /** Writes the last bytes of a socket, and ends it in bounded time; beyond a number of such sockets the oldest ends at once. */
  endGracefully(network: Duplex, lastBytes: string | Buffer): void {
    this.#shared.lingering.add(network);
    endGracefully(network, lastBytes, this.#needs.lingerMs);
  }

  /** Counts clients that break RFC 6455 or a limit of frames; a connection that is lost is neither. */
  #failed({ code = '' }: NodeJS.ErrnoException, address: string): void {
    if (code.startsWith('WS_ERR_')) this.#needs.refusals.count('websocket_frame', { address, code });
  }

  /** The answer and the greeting leave in one packet; who is not greeted in this turn of the loop has the answer alone. */
  #holdWrites(network: Duplex): void {
    network.cork();
    if (this.#held.push(network) > 1) return;
    setImmediate(() => {
      const held = this.#held;
      this.#held = [];
      for (const each of held) each.uncork();
    });
  }
}
