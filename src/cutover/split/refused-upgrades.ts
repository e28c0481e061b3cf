import type { Duplex } from 'node:stream';
import type { SocketLimits } from '../../core/client/socket-limits.ts';

/** Writes the last bytes of a socket, drops what its client still sends, and ends it in bounded time. */
export type LetGo = (network: Duplex, lastBytes: string | Buffer) => void;

/** Sockets of upgrades that were answered with anything but 101. Each counts as a socket of its address until it ends. */
export class RefusedUpgrades {
  readonly #sockets: SocketLimits;
  readonly #letGo: LetGo;

  constructor(sockets: SocketLimits, letGo: LetGo) {
    this.#sockets = sockets;
    this.#letGo = letGo;
  }

  /** Sends an answer that ends the connection; where there is no room for the socket, it ends without an answer. */
  refuse(network: Duplex, address: string, answer: string | Buffer): void {
    if (this.#sockets.fullness(() => address) !== undefined) return void network.destroy();
    network.once('close', this.#sockets.hold(address));
    this.#letGo(network, answer);
  }
}

/** An answer without a body. */
export const answerOf = (status: string): string =>
  `HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`;
