import type { Duplex } from 'node:stream';

/** The answer to an upgrade request that is refused. SPEC 2.1: it names what could be upgraded to. */
export const refusalOf = (status: string, body: string): string =>
  `HTTP/1.1 ${status}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: ${Buffer.byteLength(body)}\r\n` +
  `Upgrade: websocket\r\nConnection: Upgrade, close\r\n\r\n${body}`;

/**
 * Writes the last bytes of a socket that nobody else looks after. What its client still sends is read and dropped; the
 * socket is destroyed when both sides have ended, or after `lingerMs` whatever the client does.
 */
export function letGo(network: Duplex, lastBytes: string | Buffer, lingerMs: number): void {
  network.on('error', ignored);
  network.end(lastBytes);
  network.resume();
  const timer = setTimeout(() => network.destroy(), lingerMs);
  // A stream that has ended on both sides destroys itself.
  network.once('close', () => clearTimeout(timer));
}

/** A connection that is lost while it is refused: there is nobody to tell. */
function ignored(): void {
  return undefined;
}
