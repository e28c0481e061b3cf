import type { IncomingMessage } from 'node:http';
import { BlockList, isIP, isIPv4, isIPv6, SocketAddress, type Socket as NetSocket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { unmappedAddress } from '../core/util/ip-address.ts';

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
  const plain = canonical(address) ?? address;
  // A network of IPv4 addresses that is written as IPv6.
  if (version === 6 && isIPv4(plain)) return { address: plain, bits: Math.max(0, bits - 96), family: 'ipv4' };
  return { address: plain, bits, family: version === 6 ? 'ipv6' : 'ipv4' };
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
      this.forwardedPeer(request) ?? {
        remoteAddress: unmappedAddress(socket.remoteAddress),
        secure: isSecure(socket),
      }
    );
  }

  /** What a trusted proxy says; `undefined` when there is none before us, and the socket itself is the peer. */
  forwardedPeer(request: IncomingMessage): Peer | undefined {
    if (!this.isProxy(request)) return undefined;
    return {
      remoteAddress: this.#nearestUntrusted(request),
      secure:
        isSecure(request.socket) || /^(https|wss)$/i.test(firstOf(request.headers['x-forwarded-proto'])),
    };
  }

  /** Whether the other end of the socket is a proxy that is trusted. */
  isProxy(request: IncomingMessage): boolean {
    return this.#trustsSomebody && this.#trusts(unmappedAddress(request.socket.remoteAddress));
  }

  /**
   * SPEC 2.7: from the right, because each proxy appends the address that it saw and what stands before may be invented.
   * What cannot be read ends the search at the proxy that wrote it: nothing further left counts.
   */
  #nearestUntrusted({ headers, socket }: IncomingMessage): string {
    let nearest = unmappedAddress(socket.remoteAddress);
    const given = headers['x-forwarded-for'] ?? '';
    for (const hop of String(given).split(',').reverse()) {
      const address = addressIn(hop);
      if (address === undefined) return nearest;
      nearest = address;
      if (!this.#trusts(address)) return nearest;
    }
    return nearest;
  }

  #trusts(address: string): boolean {
    return this.#trusted.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4');
  }
}

/** `203.0.113.1`, `203.0.113.1:5001`, `2001:db8::1`, `[2001:db8::1]:443`, quoted or not; `undefined`: not an address. */
function addressIn(hop: string): string | undefined {
  const text = hop.trim().replace(/^"(.*)"$/, '$1');
  const [, inBrackets, withPort] = /^(?:\[([^\]]*)\](?::\d{1,5})?|([\d.]+):\d{1,5})$/.exec(text) ?? [];
  return canonical(inBrackets ?? withPort ?? text, inBrackets !== undefined);
}

/** One spelling for one address: short, in lower case, without a zone, and IPv4 as such. */
function canonical(text: string, mustBeIPv6 = false): string | undefined {
  if (isIPv4(text)) return mustBeIPv6 ? undefined : text;
  if (!isIPv6(text)) return undefined;
  const [address = ''] = text.split('%');
  return unmappedAddress(new SocketAddress({ address, family: 'ipv6' }).address);
}

/** Of a list that several proxies wrote: what the first of them saw of the client. */
const firstOf = (header: string | string[] | undefined): string =>
  String(header ?? '')
    .split(',', 1)[0]
    ?.trim() ?? '';

export const isSecure = (socket: NetSocket): boolean => (socket as Partial<TLSSocket>).encrypted === true;
