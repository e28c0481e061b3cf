import type { Duplex } from 'node:stream';

const OWNER = Symbol('lingering');
type Owned = Duplex & { [OWNER]?: Set<Duplex> };

/** Sockets that were refused or have left, and are open only for their last bytes: so many at most, the oldest is ended for a new one. */
export class LingeringSockets {
  readonly #sockets = new Set<Duplex>();
  readonly #most: number;

  constructor(most: number) {
    this.#most = most;
  }

  get size(): number {
    return this.#sockets.size;
  }

  add(network: Owned): void {
    if (network.destroyed || this.#sockets.has(network)) return;
    const [oldest] = this.#sockets;
    if (this.#sockets.size >= this.#most) {
      oldest?.destroy();
      if (oldest !== undefined) this.#sockets.delete(oldest);
    }
    this.#sockets.add(network);
    network[OWNER] = this.#sockets;
    network.once('close', forget);
  }
}

function forget(this: Owned): void {
  this[OWNER]?.delete(this);
}
