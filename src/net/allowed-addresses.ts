import ipaddr from 'ipaddr.js';

type Network = readonly [address: ipaddr.IPv4 | ipaddr.IPv6, bits: number];

/** Decides to which addresses webhooks may be sent: public ones, and those of networks that the operator allows. */
export class AllowedAddresses {
  readonly #networks: readonly Network[];

  /** Throws when a network is not in CIDR notation. */
  constructor(networks: readonly string[]) {
    this.#networks = networks.map((network) => ipaddr.parseCIDR(network));
  }

  includes(text: string): boolean {
    if (!ipaddr.isValid(text)) return false;
    const address = ipaddr.process(text);
    return isPublic(address) || this.#networks.some((network) => isWithin(address, network));
  }
}

const isWithin = (address: ipaddr.IPv4 | ipaddr.IPv6, [network, bits]: Network): boolean =>
  address.kind() === network.kind() && address.match(network, bits);

/** First bits of the IPv6 addresses that are assigned for public use. */
const GLOBAL_UNICAST: Network = [ipaddr.parse('2000::'), 3];
const NAT64: Network = [ipaddr.parse('64:ff9b::'), 96];

function isPublic(address: ipaddr.IPv4 | ipaddr.IPv6): boolean {
  const range = address.range();
  if (address.kind() === 'ipv4') return range === 'unicast';
  const bytes = address.toByteArray();
  if (range === '6to4') return isPublicIpv4(bytes.slice(2, 6));
  if (isWithin(address, NAT64)) return isPublicIpv4(bytes.slice(12));
  return range === 'unicast' && isWithin(address, GLOBAL_UNICAST);
}

/** Checks the IPv4 address that an IPv6 address leads to. */
const isPublicIpv4 = (octets: number[]): boolean => new ipaddr.IPv4(octets).range() === 'unicast';
