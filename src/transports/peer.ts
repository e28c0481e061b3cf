import type { IncomingMessage } from 'node:http';
import { BlockList, isIP } from 'node:net';
import type { TLSSocket } from 'node:tls';

export interface Peer {
  readonly remoteAddress: string;
  readonly secure: boolean;
}

/** Tells who is at the other end. Forwarded headers count only when a trusted proxy sent them. */
export class PeerReader {
  readonly #trusted = new BlockList();
  readonly #trustsSomebody: boolean;

  /** Addresses or networks (`10.0.0.0/8`) of the proxies; a wrong one throws. */
  constructor(trustedProxies: readonly string[]) {
    this.#trustsSomebody = trustedProxies.length > 0;
    for (const proxy of trustedProxies) {
      const [address = '', bits] = proxy.split('/');
      const family = isIP(address) === 6 ? 'ipv6' : 'ipv4';
      if (bits === undefined) this.#trusted.addAddress(address, family);
      else this.#trusted.addSubnet(address, Number(bits), family);
    }
  }

  read(request: IncomingMessage): Peer {
    const address = plain(request.socket.remoteAddress ?? '');
    const encrypted = (request.socket as Partial<TLSSocket>).encrypted === true;
    if (!this.#trustsSomebody || !this.#trusts(address)) return { remoteAddress: address, secure: encrypted };
    return {
      remoteAddress: this.#nearestUntrusted(request) ?? address,
      secure: encrypted || request.headers['x-forwarded-proto'] === 'https',
    };
  }

  /** From the right: each proxy appends the address that it saw, what stands before may be invented. */
  #nearestUntrusted(request: IncomingMessage): string | undefined {
    const header = request.headers['x-forwarded-for'];
    const hops = (Array.isArray(header) ? header.join(',') : (header ?? ''))
      .split(',')
      .map((hop) => plain(hop.trim()));
    return hops.reverse().find((hop) => isIP(hop) > 0 && !this.#trusts(hop));
  }

  #trusts(address: string): boolean {
    return this.#trusted.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4');
  }
}

/** IPv4 addresses look the same whichever kind of socket they came through. */
const plain = (address: string): string => (address.startsWith('::ffff:') ? address.slice(7) : address);
