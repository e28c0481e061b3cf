import type { Duplex } from 'node:stream';
import type { SocketLimits } from '../core/socket-limits.ts';

/** A refused client has so long to take its answer. */
const FAREWELL_MS = 5000;

/** Sockets of upgrades that were answered with anything but 101. Each of them ends soon, whatever its client does. */
export class RefusedUpgrades {
  readonly #open = new Set<Duplex>();
  readonly #sockets: SocketLimits;

  constructor(sockets: SocketLimits) {
    this.#sockets = sockets;
  }

  /**
   * Sends an answer that ends the connection; what the client still sends is read and dropped. It counts as a socket of its
   * address meanwhile; where there is no room for it, it ends without an answer.
   */
  refuse(network: Duplex, address: string, answer: string | Buffer): void {
    if (this.#sockets.fullness(() => address) !== undefined) return void network.destroy();
    const release = this.#sockets.hold(address);
    this.#open.add(network);
    const timer = setTimeout(() => network.destroy(), FAREWELL_MS);
    network.on('error', ignored);
    network.once('close', () => {
      clearTimeout(timer);
      release();
      this.#open.delete(network);
    });
    network.resume();
    network.end(answer);
  }

  terminate(): void {
    for (const network of this.#open) network.destroy();
  }
}

/** An answer without a body. */
export const answerOf = (status: string): string =>
  `HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`;

function ignored(): void {
  return undefined;
}
