/** Path prefix of a server's `/app` and `/apps`, without a slash at its end. */
export const prefixOf = ({ pathname }: URL): string => pathname.replace(/\/+$/, '');

/** Host as sockets expect it: an IPv6 address without its brackets. */
export const hostOf = ({ hostname }: Pick<URL, 'hostname'>): string => hostname.replace(/^\[|\]$/g, '');

/** Addresses that stand for all of a machine, with the one at which the machine itself reaches them. */
const LOOPBACK_OF: ReadonlyMap<string, string> = new Map([
  ['0.0.0.0', '127.0.0.1'],
  ['::', '::1'],
]);

/** Host in a URL at which this machine reaches a server that listens on `host`; an IPv6 address has brackets. */
export function localHost(host: string): string {
  const address = LOOPBACK_OF.get(host) ?? host;
  return address.includes(':') ? `[${address}]` : address;
}
