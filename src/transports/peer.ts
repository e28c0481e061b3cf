import type { IncomingMessage } from 'node:http';
import { BlockList, isIP, isIPv4, isIPv6, SocketAddress, type Socket as NetSocket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { unmappedAddress } from '../core/util/ip-address.ts';

/** Client of a request, as the first trusted proxy saw it, or the socket itself. */
export interface Peer {
  readonly remoteAddress: string;
  readonly secure: boolean;
}

interface Network {
  readonly address: string;
  readonly bits: number;
  readonly family: 'ipv4' | 'ipv6';
}

/** Parses an address or a network (`10.0.0.0/8`); `undefined` when it is neither. */
export function networkIn(text: string): Network | undefined {
  const [, address = '', given] = /^([^/]+)(?:\/(\d{1,3}))?$/.exec(text) ?? [];
  const version = isIP(address);
  const most = version === 6 ? 128 : 32;
  const bits = given === undefined ? most : Number(given);
  if (version === 0 || bits > most) return undefined;
  const plain = canonical(address) ?? address;
  // An IPv4 network that is written as IPv6: `::ffff:10.0.0.0/104`.
  if (version === 6 && isIPv4(plain)) return { address: plain, bits: Math.max(0, bits - 96), family: 'ipv4' };
  return { address: plain, bits, family: version === 6 ? 'ipv6' : 'ipv4' };
}

/** Finds the address of the client and whether it uses TLS. Forwarded headers count only when a trusted proxy sent them. */
export class PeerReader {
  readonly #trusted = new BlockList();
  readonly #hasProxies: boolean;

  /** `trustedProxies`: addresses or networks. Throws for an entry that is neither. */
  constructor(trustedProxies: readonly string[]) {
    this.#hasProxies = trustedProxies.length > 0;
    for (const proxy of trustedProxies) {
      const network = networkIn(proxy);
      if (network === undefined)
        throw new Error(`trusted proxy ${proxy}: expected an IP address or a network such as 10.0.0.0/8`);
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

  /** The address alone. */
  readonly addressOf = (request: IncomingMessage): string => this.read(request).remoteAddress;

  /** Client that a trusted proxy names; `undefined` when the request came without one: then the socket is the peer. */
  forwardedPeer(request: IncomingMessage): Peer | undefined {
    if (!this.isProxy(request)) return undefined;
    return {
      remoteAddress: this.#nearestUntrusted(request),
      secure:
        isSecure(request.socket) || /^(https|wss)$/i.test(firstOf(request.headers['x-forwarded-proto'])),
    };
  }

  /** True when the request came from a trusted proxy. */
  isProxy(request: IncomingMessage): boolean {
    return this.#hasProxies && this.#trusts(unmappedAddress(request.socket.remoteAddress));
  }

  /**
   * Reads X-Forwarded-For from the right (SPEC 2.7): each proxy appends the address that it saw, and a client may have
   * invented the entries before. An entry that is no address ends the search at the proxy that wrote it.
   */
  #nearestUntrusted({ headers, socket }: IncomingMessage): string {
    let nearest = unmappedAddress(socket.remoteAddress);
    const hops = String(headers['x-forwarded-for'] ?? '');
    for (const hop of hops.split(',').reverse()) {
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

/** Address in `203.0.113.1`, `203.0.113.1:5001`, `2001:db8::1` or `[2001:db8::1]:443`, quoted or not; `undefined` for anything else. */
function addressIn(hop: string): string | undefined {
  const text = hop.trim().replace(/^"(.*)"$/, '$1');
  const [, inBrackets, withPort] = /^(?:\[([^\]]*)\](?::\d{1,5})?|([\d.]+):\d{1,5})$/.exec(text) ?? [];
  return canonical(inBrackets ?? withPort ?? text, inBrackets !== undefined);
}

/** The one spelling of an address: short, lower case, without a zone, IPv4-mapped as IPv4; `undefined` for anything else. */
function canonical(text: string, mustBeIPv6 = false): string | undefined {
  if (isIPv4(text)) return mustBeIPv6 ? undefined : text;
  if (!isIPv6(text)) return undefined;
  const [address = ''] = text.split('%');
  return unmappedAddress(new SocketAddress({ address, family: 'ipv6' }).address);
}

/** First item of a header that several proxies appended to: written by the proxy nearest to the client. */
const firstOf = (header: string | string[] | undefined): string =>
  String(header ?? '')
    .split(',', 1)[0]
    ?.trim() ?? '';

export const isSecure = (socket: NetSocket): boolean => (socket as Partial<TLSSocket>).encrypted === true;
