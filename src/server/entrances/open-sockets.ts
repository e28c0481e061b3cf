import type { Server, Socket } from 'node:net';
import type { Refusals } from '../../core/refusals/refusals.ts';

const OPEN_SOCKETS = Symbol('open sockets');
/** First byte of a TLS record that opens a connection. */
const TLS_HANDSHAKE = 0x16;
type ClientError = NodeJS.ErrnoException & { readonly rawPacket?: Buffer };

/** True for requests that the HTTP parser refuses or that take too long; a connection that is lost is neither. */
const isOfClient = (code: string): boolean => /^(HPE_|ERR_HTTP_REQUEST_TIMEOUT$)/.test(code);

type TrackedSocket = Socket & { [OPEN_SOCKETS]?: Set<Socket> };

/** All open network sockets of a server: of requests, upgrades, refused and proxied connections and unfinished handshakes. */
export class OpenSockets {
  readonly #all = new Set<Socket>();

  /** `most`: further sockets are closed at once, and counted; 0: no limit. */
  constructor(server: Server, most: number, refusals: Refusals) {
    if (most > 0) server.maxConnections = most;
    server.on('drop', (peer) => refusals.count('sockets_full', { address: peer?.remoteAddress ?? '', most }));
    server.on('clientError', (error: ClientError, { remoteAddress }: Socket) => {
      const isTls = error.rawPacket?.[0] === TLS_HANDSHAKE;
      const { code = '' } = error;
      if (isTls || isOfClient(code))
        refusals.count(isTls ? 'tls_on_plain_port' : 'http_malformed', {
          address: remoteAddress ?? '',
          code,
        });
    });
    server.on('connection', (socket: TrackedSocket) => {
      // A connection whose request offered another protocol is given to the server again (`upgrades.ts`).
      if (this.#all.has(socket)) return;
      this.#all.add(socket);
      socket[OPEN_SOCKETS] = this.#all;
      // `once` would create a closure for each socket.
      socket.on('close', forgetClosed);
    });
  }

  get size(): number {
    return this.#all.size;
  }

  destroyAll(): void {
    for (const socket of this.#all) socket.destroy();
  }
}

function forgetClosed(this: TrackedSocket): void {
  this[OPEN_SOCKETS]?.delete(this);
}
