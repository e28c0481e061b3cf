import type { Duplex } from 'node:stream';
import { responseText } from '../core/util/http-text.ts';
import { ignore } from '../core/util/ignore.ts';

/** Response to an upgrade request that is refused; names the protocol that could be upgraded to (SPEC 2.1). */
export const upgradeRefusal = (status: string, body: string): string =>
  responseText(
    status,
    ['Content-Type: text/plain; charset=utf-8', 'Upgrade: websocket', 'Connection: Upgrade, close'],
    body,
  );

/**
 * Writes the last bytes of a socket and ends it. Bytes that the client still sends are dropped. The socket is destroyed
 * when both ends are closed, and after `lingerMs` in any case.
 */
export function endGracefully(network: Duplex, lastBytes: string | Buffer, lingerMs: number): void {
  network.on('error', ignore);
  network.end(lastBytes);
  network.resume();
  const timer = setTimeout(() => network.destroy(), lingerMs);
  // A socket whose both ends are closed destroys itself.
  network.once('close', () => clearTimeout(timer));
}
