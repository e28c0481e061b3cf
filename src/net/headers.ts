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

/** The items of a list header, those that are there. */
export const listed = (items: readonly (string | undefined)[]): string =>
  items.filter((each) => each !== undefined).join(', ');

/** Origin of a request, as this server sees it. */
interface RequestOrigin {
  /** Address of the socket itself. */
  readonly peerAddress: string;
  readonly secure: boolean;
  readonly host: string;
}

/** Header lines that name the client of a request: this hop, added to what `fromProxy` returns of a trusted proxy. */
export const forwardedLines = (
  fromProxy: (name: string) => string | undefined,
  { peerAddress, secure, host }: RequestOrigin,
): HeaderLine[] => [
  ['X-Forwarded-For', listed([fromProxy('x-forwarded-for'), peerAddress])],
  ['X-Forwarded-Proto', fromProxy('x-forwarded-proto') ?? (secure ? 'https' : 'http')],
  ['X-Forwarded-Host', fromProxy('x-forwarded-host') ?? host],
];
