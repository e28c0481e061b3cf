import { isUtf8 } from 'node:buffer';
import type { IncomingMessage, Server as HttpServer } from 'node:http';
import type { Socket as NetSocket } from 'node:net';
import type { Duplex } from 'node:stream';
import { type Server, WebSocket, WebSocketServer } from 'ws';
import { errors } from '#protocol';
import type { Gateway, Session, Socket, Wire } from '../core/ports.ts';
import { isSecure, type Peer, type PeerReader, plainAddress } from './peer.ts';
import { webSocketWire } from './wire.ts';

/** A peer that does not answer a close is ended after this. */
const CLOSE_TIMEOUT_MS = 5000;
/** A message is copied together from at most so many chunks of the network (CVE-2026-48779). */
const MAX_BUFFERED_CHUNKS = 1024;
const MAX_PENDING_PONGS = 16;
const NOTHING = Buffer.alloc(0);

/**
 * A WebSocket as the core sees it. It extends the library's class, as the library offers, because one object per socket
 * is all that ten thousand idle sockets should cost: no closure, no listener and no request is kept for any of them.
 */
class WiredSocket extends WebSocket implements Socket {
  secure = false;
  session!: Session;
  #remoteAddress: string | undefined;
  #network!: NetSocket;

  /** `peer`: what a proxy told. */
  connect(network: NetSocket, peer: Peer | undefined): void {
    this.#network = network;
    this.#remoteAddress = peer?.remoteAddress;
    this.secure = peer?.secure ?? isSecure(network);
  }

  /** The kernel is asked when somebody wants it; once known, it stays. */
  get remoteAddress(): string {
    return (this.#remoteAddress ??= plainAddress(this.#network.remoteAddress));
  }

  get wire(): Wire {
    return webSocketWire;
  }

  get bufferedBytes(): number {
    return this.#network.writableLength;
  }

  get takenBytes(): number {
    return this.#network.bytesWritten - this.#network.writableLength;
  }

  /** Past the library's `send`, which would frame the same bytes again for each socket. */
  write(bytes: Buffer): void {
    if (this.readyState === WebSocket.OPEN) this.#network.write(bytes);
  }

  /** In place of listeners, which each socket would keep a list of: what happens to it goes to its session. */
  override emit(event: string | symbol, ...args: unknown[]): boolean {
    switch (event) {
      case 'message':
        this.session.received(args[1] === true && !isUtf8(args[0] as Buffer) ? NOTHING : (args[0] as Buffer));
        break;
      case 'ping':
      case 'pong':
        this.session.alive();
        break;
      case 'close':
        this.session.closed(args[0] as number);
        break;
      // 'error', a broken frame or a lost connection: 'close' follows by itself. Nobody waits for the others.
    }
    return true;
  }

  /** The library gives no reason when it closes for the size of a message (SPEC 2.11). */
  override close(code?: number, reason?: string): void {
    super.close(
      code,
      reason ?? (code === errors.messageTooLarge.code ? errors.messageTooLarge.message : undefined),
    );
  }
}

/** A connection that is lost while it is refused: there is nobody to tell. */
function ignored(): void {
  return undefined;
}

export interface WebSocketNeeds {
  readonly gateway: Gateway;
  /** False: nobody new is let in (SPEC 8.11). */
  readonly hasRoom: () => boolean;
  readonly peers: PeerReader;
  /** Reverb's REVERB_SERVER_PATH without slashes at its ends; clients may use it or not (SPEC 2.1). */
  readonly prefix: string;
  /** Largest message of any app; each app's own limit is the gateway's. */
  readonly messageBytes: number;
  readonly fragmentsPerMessage: number;
}

/** Takes WebSocket upgrades of `/app/{key}` from an HTTP server and brings them to the gateway. */
export class WebSocketTransport {
  readonly #needs: WebSocketNeeds;
  readonly #server: Server<typeof WiredSocket>;
  #held: Duplex[] = [];

  constructor(needs: WebSocketNeeds) {
    this.#needs = needs;
    const options = {
      noServer: true,
      clientTracking: false,
      perMessageDeflate: false,
      WebSocket: WiredSocket,
      handleProtocols: (): false => false,
      maxPayload: needs.messageBytes,
      maxFragments: needs.fragmentsPerMessage,
      maxBufferedChunks: MAX_BUFFERED_CHUNKS,
      maxPendingAutoPongs: MAX_PENDING_PONGS,
      closeTimeout: CLOSE_TIMEOUT_MS,
    };
    this.#server = new WebSocketServer(options);
  }

  attach(http: HttpServer): void {
    http.on('upgrade', (request, network, head) => this.upgrade(request, network, head));
  }

  /** One upgrade. `line` is a header line of the answer; another gateway may stand before the usual one. */
  upgrade(
    request: IncomingMessage,
    network: Duplex,
    head: Buffer,
    gateway: Gateway = this.#needs.gateway,
    line?: string,
  ): void {
    const [path, query] = splitOnce(request.url ?? '', '?');
    const appKey = appKeyIn(path, this.#needs.prefix);
    if (appKey === undefined) return refuseUpgrade(network, '404 Not Found', 'Not found.');
    if (request.headers.upgrade?.toLowerCase() !== 'websocket') {
      return refuseUpgrade(network, '426 Upgrade Required', 'Upgrade required.');
    }
    if (!this.#needs.hasRoom()) return refuseUpgrade(network, '503 Service Unavailable', 'Memory is short.');
    const addLine = (lines: string[]): void => void lines.push(line ?? '');
    if (line !== undefined) this.#server.once('headers', addLine);
    this.#holdWrites(network);
    this.#server.handleUpgrade(request, network, head, (socket) => {
      socket.connect(request.socket, this.#needs.peers.told(request));
      const handshake = { appKey, protocol: protocolIn(query), origin: request.headers.origin };
      socket.session = gateway.opened(socket, handshake);
    });
    // The answer was written, or refused without these lines, before `handleUpgrade` returned.
    if (line !== undefined) this.#server.off('headers', addLine);
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

const KEY_PATH = /^\/app\/([^/]+)\/?$/;

/** SPEC 2.1: the key in `{prefix}/app/{key}`, with or without the prefix and a slash at the end. */
export function appKeyIn(path: string, prefix: string): string | undefined {
  const start = prefix !== '' && path.startsWith(`/${prefix}/`) ? prefix.length + 1 : 0;
  const key = (KEY_PATH.exec(path.slice(start)) ?? KEY_PATH.exec(path))?.[1];
  if (key === undefined) return undefined;
  try {
    return decodeURIComponent(key);
  } catch {
    return undefined;
  }
}

/** Most clients say it first; the first one counts. */
const FIRST_PROTOCOL = /^protocol=(\w+)(?:&|$)/;

function protocolIn(query: string): string | undefined {
  return FIRST_PROTOCOL.exec(query)?.[1] ?? new URLSearchParams(query).get('protocol') ?? undefined;
}

function splitOnce(text: string, mark: string): [string, string] {
  const at = text.indexOf(mark);
  return at === -1 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)];
}

/** SPEC 2.1: what could be upgraded to is named in every refusal. */
function refuseUpgrade(network: Duplex, status: string, body: string): void {
  const timer = setTimeout(() => network.destroy(), CLOSE_TIMEOUT_MS);
  network.once('close', () => clearTimeout(timer));
  network.on('error', ignored).resume();
  network.end(
    `HTTP/1.1 ${status}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: ${Buffer.byteLength(body)}\r\n` +
      `Upgrade: websocket\r\nConnection: Upgrade, close\r\n\r\n${body}`,
  );
}
