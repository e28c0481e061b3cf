const OCTET = String.raw`(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)`;
const HEX_GROUP = '([0-9a-f]{1,4})';
/** RFC 4291, 2.5.5.2: `::ffff:203.0.113.9` or `::ffff:cb00:7109`. */
const IPV4_MAPPED = new RegExp(`^::ffff:(?:(${OCTET}(?:\\.${OCTET}){3})|${HEX_GROUP}:${HEX_GROUP})$`, 'i');

/** An IPv4-mapped IPv6 address as IPv4; any other text unchanged. A closed socket has no address: `''`. */
export function unmappedAddress(address = ''): string {
  const [, dotted, high, low] = IPV4_MAPPED.exec(address) ?? [];
  if (dotted !== undefined) return dotted;
  return high === undefined || low === undefined ? address : [...octetsOf(high), ...octetsOf(low)].join('.');
}

/** The two octets of one group of an IPv6 address. */
function octetsOf(group: string): [number, number] {
  const value = Number.parseInt(group, 16);
  return [value >> 8, value & 0xff];
}
