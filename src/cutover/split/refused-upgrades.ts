import type { Duplex } from 'node:stream';
import type { SocketLimits } from '../../core/client/socket-limits.ts';
import { responseText } from '../../core/util/http-text.ts';
import type { UpgradeHandler } from '../ports/upgrade-handler.ts';

/** Sockets of upgrades that were not answered with 101. Each counts as a socket of its address until it ends. */
export class RefusedUpgrades {
  readonly #sockets: SocketLimits;
  readonly #transport: Pick<UpgradeHandler, 'endGracefully'>;

  constructor(sockets: SocketLimits, transport: Pick<UpgradeHandler, 'endGracefully'>) {
    this.#sockets = sockets;
    this.#transport = transport;
  }

  /** Sends an answer that ends the connection; when a socket limit is reached, it ends without an answer. */
  refuse(network: Duplex, address: string, answer: string | Buffer): void {
    if (this.#sockets.fullness(() => address) !== undefined) return void network.destroy();
    network.once('close', this.#sockets.hold(address));
    this.#transport.endGracefully(network, answer);
  }
}

/** An answer without a body. */
export const answerOf = (status: string): string => responseText(status, ['Connection: close']);
