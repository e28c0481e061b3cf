/** A header line: its name as it was written, and its value. */
export type HeaderLine = readonly [name: string, value: string];

/** Header lines of one connection, not of the message (RFC 9110, 7.6.1); no proxy forwards them. */
const HOP_BY_HOP = new Set([
  'connection',
  'http2-settings',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authentication-info',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/** Header lines that proxies add: where a request came from, or what it was for. */
const OF_PROXIES = new Set([
  'cf-connecting-ip',
  'cf-connecting-ipv6',
  'cf-pseudo-ipv4',
  'cf-visitor',
  'client-ip',
  'cluster-client-ip',
  'fastly-client-ip',
  'fly-client-ip',
  'forwarded',
  'forwarded-for',
  'front-end-https',
  'proxy-client-ip',
  'true-client-ip',
  'wl-proxy-client-ip',
  'x-appengine-user-ip',
  'x-azure-clientip',
  'x-azure-socketip',
  'x-client-ip',
  'x-cluster-client-ip',
  'x-envoy-external-address',
  'x-forwarded',
  'x-host',
  'x-http-host-override',
  'x-nf-client-connection-ip',
  'x-originating-ip',
  'x-proxyuser-ip',
  'x-real-ip',
  'x-real-port',
  'x-remote-addr',
  'x-remote-ip',
  'x-rewrite-url',
  'x-scheme',
  'x-url-scheme',
]);
const OF_PROXIES_BY_PREFIX = /^x-(forwarded|original)-/;

/** Some servers read `X_Real_IP` as `X-Real-IP`. */
export const headerKey = (name: string): string => name.toLowerCase().replaceAll('_', '-');

export function isOfProxies(name: string): boolean {
  const key = headerKey(name);
  return OF_PROXIES.has(key) || OF_PROXIES_BY_PREFIX.test(key);
}

/** End-to-end header lines: without those of the connection, and those that `Connection` names. */
export function endToEnd(rawHeaders: readonly string[]): HeaderLine[] {
  const lines: HeaderLine[] = [];
  for (let at = 0; at < rawHeaders.length; at += 2)
    lines.push([rawHeaders[at] ?? '', rawHeaders[at + 1] ?? '']);
  const named = new Set(
    lines
      .filter(([name]) => name.toLowerCase() === 'connection')
      .flatMap(([, value]) => value.split(',').map((each) => headerKey(each.trim()))),
  );
  return lines.filter(([name]) => !HOP_BY_HOP.has(headerKey(name)) && !named.has(headerKey(name)));
}
