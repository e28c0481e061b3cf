import type { IncomingMessage, Server as HttpServer } from 'node:http';
import type { Duplex } from 'node:stream';
import { type Server, WebSocketServer } from 'ws';
import type { Gateway, UpgradeContext } from '../core/ports/transport.ts';
import type { RefusalReason } from '../core/refusals/reasons.ts';
import type { Refusals } from '../core/refusals/refusals.ts';
import { pathOf, splitTarget } from '../core/util/http-text.ts';
import { clientPathIn, INVALID_TAB, protocolIn } from './client-path.ts';
import type { PeerReader } from './peer.ts';
import { ServerWebSocket, type SocketContext } from './server-web-socket.ts';
import { LingeringSockets } from './lingering-sockets.ts';
import { endGracefully, upgradeRefusal } from './refuse-upgrade.ts';
import { TimeSlice } from './time-slice.ts';
import { UNAVAILABLE, type UnavailableReason } from './unavailable.ts';

export interface WebSocketTransportOptions {
  readonly gateway: Gateway;
  /** Why upgrades are refused with 503 (SPEC 2.13, 8.11); `undefined`: they are not. */
  readonly unavailableFor: () => UnavailableReason | undefined;
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
    const client = clientPathIn(path, this.#options.prefix);
    if (client === undefined) return this.#refuse(network, request, '404 Not Found', 'Not found.');
    if (client === INVALID_TAB)
      return this.#refuse(network, request, '400 Bad Request', 'The tab id is not valid.');
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
      const handshake = { ...client, protocol: protocolIn(query), origin: request.headers.origin };
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
    if (!code.startsWith('WS_ERR_')) return;
    const reason = code === 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH' ? 'message_size' : 'websocket_frame';
    this.#options.refusals.count(reason, { address, code });
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
