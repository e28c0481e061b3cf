import type { IncomingMessage } from 'node:http';
import { BlockList, isIP, type Socket as NetSocket } from 'node:net';
import type { TLSSocket } from 'node:tls';

export interface Peer {
  readonly remoteAddress: string;
  readonly secure: boolean;
}

interface Network {
  readonly address: string;
  readonly bits: number;
  readonly family: 'ipv4' | 'ipv6';
}

/** An address or a network (`10.0.0.0/8`); `undefined` when it is neither. */
export function networkIn(text: string): Network | undefined {
  const [, address = '', given] = /^([^/]+)(?:\/(\d{1,3}))?$/.exec(text) ?? [];
  const version = isIP(address);
  const most = version === 6 ? 128 : 32;
  const bits = given === undefined ? most : Number(given);
  if (version === 0 || bits > most) return undefined;
  return { address, bits, family: version === 6 ? 'ipv6' : 'ipv4' };
}

/** Tells who is at the other end. Forwarded headers count only when a trusted proxy sent them. */
export class PeerReader {
  readonly #trusted = new BlockList();
  readonly #trustsSomebody: boolean;

  /** Addresses or networks of the proxies; what `networkIn` does not know throws. */
  constructor(trustedProxies: readonly string[]) {
    this.#trustsSomebody = trustedProxies.length > 0;
    for (const proxy of trustedProxies) {
      const network = networkIn(proxy);
      if (network === undefined) throw new Error(`${proxy} is neither an address nor a network`);
      this.#trusted.addSubnet(network.address, network.bits, network.family);
    }
  }

  read(request: IncomingMessage): Peer {
    const { socket } = request;
    return (
      this.told(request) ?? { remoteAddress: plainAddress(socket.remoteAddress), secure: isSecure(socket) }
    );
  }

  /** What a trusted proxy says; `undefined` when there is none before us, and the socket itself is the peer. */
  told(request: IncomingMessage): Peer | undefined {
    if (!this.isProxy(request)) return undefined;
    return {
      remoteAddress: this.#nearestUntrusted(request) ?? plainAddress(request.socket.remoteAddress),
      secure: isSecure(request.socket) || /^(https|wss)$/i.test(String(request.headers['x-forwarded-proto'])),
    };
  }

  /** Whether the other end of the socket is a proxy that is trusted. */
  isProxy(request: IncomingMessage): boolean {
    return this.#trustsSomebody && this.#trusts(plainAddress(request.socket.remoteAddress));
  }

  /** From the right: each proxy appends the address that it saw, what stands before may be invented. */
  #nearestUntrusted(request: IncomingMessage): string | undefined {
    const header = request.headers['x-forwarded-for'];
    const hops = (Array.isArray(header) ? header.join(',') : (header ?? ''))
      .split(',')
      .map((hop) => plainAddress(hop.trim()));
    return hops.reverse().find((hop) => isIP(hop) > 0 && !this.#trusts(hop));
  }

  #trusts(address: string): boolean {
    return this.#trusted.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4');
  }
}

/** IPv4 addresses look the same whichever kind of socket they came through; a socket that is gone has none. */
export const plainAddress = (address = ''): string =>
  address.startsWith('::ffff:') ? address.slice(7) : address;

export const isSecure = (socket: NetSocket): boolean => (socket as Partial<TLSSocket>).encrypted === true;
