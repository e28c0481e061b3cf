import type { Duplex } from 'node:stream';
import { responseText } from '../core/util/http-text.ts';
import { ignore } from '../core/util/ignore.ts';

/** The answer to an upgrade request that is refused. SPEC 2.1: it names what could be upgraded to. */
export const upgradeRefusal = (status: string, body: string): string =>
  responseText(
    status,
    ['Content-Type: text/plain; charset=utf-8', 'Upgrade: websocket', 'Connection: Upgrade, close'],
    body,
  );

/**
 * Writes the last bytes of a socket that nobody else looks after. What its client still sends is read and dropped; the
 * socket is destroyed when both sides have ended, or after `lingerMs` whatever the client does.
 */
export function endGracefully(network: Duplex, lastBytes: string | Buffer, lingerMs: number): void {
  network.on('error', ignore);
  network.end(lastBytes);
  network.resume();
  const timer = setTimeout(() => network.destroy(), lingerMs);
  // A stream that has ended on both sides destroys itself.
  network.once('close', () => clearTimeout(timer));
}
