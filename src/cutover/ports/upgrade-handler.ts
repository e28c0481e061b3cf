import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { UpgradeContext } from '../../core/ports/transport.ts';

/** The part of this server's transport that the front door uses: the cutover reaches a transport in no other way. */
export interface UpgradeHandler {
  /** Serves one upgrade, or refuses it; `context` changes this upgrade alone. */
  upgrade(request: IncomingMessage, network: Duplex, head: Buffer, context?: UpgradeContext): void;
  /** Writes the last bytes of a socket, drops what its client still sends, and ends it in bounded time. */
  endGracefully(network: Duplex, lastBytes: string | Buffer): void;
}
