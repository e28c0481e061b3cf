import type { Duplex } from 'node:stream';

const OWNER = Symbol('set of lingering sockets');
/** Refers to the set that it is in: one shared listener serves all sockets. */
type OwnedSocket = Duplex & { [OWNER]?: Set<Duplex> };

/** Sockets that were refused or closed, and are open only until their last bytes are sent. At the limit, a new one replaces the oldest, which is destroyed. */
export class LingeringSockets {
  readonly #sockets = new Set<Duplex>();
  readonly #max: number;

  constructor(max: number) {
    this.#max = max;
  }

  get size(): number {
    return this.#sockets.size;
  }

  add(network: OwnedSocket): void {
    if (network.destroyed || this.#sockets.has(network)) return;
    const [oldest] = this.#sockets;
    if (this.#sockets.size >= this.#max) {
      oldest?.destroy();
      if (oldest !== undefined) this.#sockets.delete(oldest);
    }
    this.#sockets.add(network);
    network[OWNER] = this.#sockets;
    network.once('close', forget);
  }
}

function forget(this: OwnedSocket): void {
  this[OWNER]?.delete(this);
}
