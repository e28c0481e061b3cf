import type { Duplex } from 'node:stream';
import { LINGER_MS } from './lingering.ts';

/**
 * Answers an upgrade request and lets its socket go: what the client still sends is read and dropped, and the socket is
 * destroyed when both sides have ended, or after `LINGER_MS` whatever the client does.
 */
export function refuseUpgrade(network: Duplex, status: string, body: string): void {
  letGo(
    network,
    `HTTP/1.1 ${status}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: ${Buffer.byteLength(body)}\r\n` +
      // SPEC 2.1: every refusal names what could be upgraded to.
      `Upgrade: websocket\r\nConnection: Upgrade, close\r\n\r\n${body}`,
  );
}

/** Writes the last bytes of a socket that nobody else looks after, and ends it in bounded time. */
export function letGo(network: Duplex, lastBytes: string): void {
  network.on('error', ignored);
  network.end(lastBytes);
  network.resume();
  const timer = setTimeout(() => network.destroy(), LINGER_MS);
  // A stream that has ended on both sides destroys itself.
  network.once('close', () => clearTimeout(timer));
}

/** A connection that is lost while it is refused: there is nobody to tell. */
function ignored(): void {
  return undefined;
}
