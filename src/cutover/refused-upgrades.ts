import type { Duplex } from 'node:stream';

/** A refused client has so long to take its answer. */
const FAREWELL_MS = 5000;

/** Sockets of upgrades that were answered with anything but 101. Each of them ends soon, whatever its client does. */
export class RefusedUpgrades {
  readonly #open = new Set<Duplex>();

  /** Sends an answer that ends the connection; what the client still sends is read and dropped. */
  refuse(network: Duplex, answer: string | Buffer): void {
    this.#open.add(network);
    const timer = setTimeout(() => network.destroy(), FAREWELL_MS);
    network.on('error', ignored);
    network.once('close', () => {
      clearTimeout(timer);
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
