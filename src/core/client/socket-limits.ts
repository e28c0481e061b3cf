export interface ConnectionLimits {
  /** Sockets of this node, and of one address on this node; 0: no limit. */
  readonly connections: number;
  readonly connectionsPerAddress: number;
}

/** The limit that one more socket would exceed. */
export type Fullness = 'server_full' | 'address_full';

/** Counts every socket of this node against its limits: the connections of the hub, and those held beside them. */
export class SocketLimits {
  readonly #limits: ConnectionLimits;
  readonly #hub: { readonly size: number };
  readonly #perAddress = new Map<string, number>();
  #beside = 0;

  constructor(limits: ConnectionLimits, hub: { readonly size: number }) {
    this.#limits = limits;
    this.#hub = hub;
  }

  /** True when there is a limit per address. */
  get countsAddresses(): boolean {
    return this.#limits.connectionsPerAddress > 0;
  }

  /** The limit that `sockets` more would exceed; `undefined` when there is room. */
  fullness(address: () => string, sockets = 1): Fullness | undefined {
    const { connections, connectionsPerAddress } = this.#limits;
    if (connections > 0 && this.#hub.size + this.#beside + sockets > connections) return 'server_full';
    if (!this.countsAddresses) return undefined;
    return (this.#perAddress.get(address()) ?? 0) >= connectionsPerAddress ? 'address_full' : undefined;
  }

  countAddress(address: string, change: 1 | -1): void {
    const count = (this.#perAddress.get(address) ?? 0) + change;
    if (count > 0) this.#perAddress.set(address, count);
    else this.#perAddress.delete(address);
  }

  /** Counts a socket that is no connection of the hub, and its address when given. The returned function takes it back, once. */
  hold(address?: string): () => void {
    let isHeld = true;
    this.#beside += 1;
    if (address !== undefined) this.countAddress(address, 1);
    return () => {
      if (!isHeld) return;
      isHeld = false;
      this.#beside -= 1;
      if (address !== undefined) this.countAddress(address, -1);
    };
  }
}
