import type { IncomingMessage } from 'node:http';
import { isIPv6 } from 'node:net';
import { unmappedAddress } from '../../core/util/ip-address.ts';
import { prefixOf } from '../../net/address.ts';
import {
  endToEnd,
  forwardedLines,
  headerKey,
  type HeaderLine,
  isOfProxies,
  listed,
} from '../../net/headers.ts';
import type { Upstream } from '../ports/options.ts';
import { SIDE_HEADER } from '../split/side-header.ts';
import type { ClientInfo } from '../split/split.ts';

/** Lists the ids of the front doors that a request passed; one that finds its own id there is its own upstream. */
export const DOOR_HEADER = 'x-wavehall-door';
export const LOOP_STATUS = 508;

/** Header lines that this server replaces or answers itself. */
const REWRITTEN = new Set([
  'host',
  'content-length',
  'expect',
  'x-forwarded-for',
  'x-forwarded-proto',
  'x-forwarded-host',
  'forwarded',
  DOOR_HEADER,
  SIDE_HEADER,
]);
const DOOR_IDS = /^[-\da-f]{36}(?:, [-\da-f]{36}){0,9}$/;

export interface UpstreamRoute {
  readonly upstream: Upstream;
  /** Path prefix of this server, without slashes at its ends. */
  readonly prefix: string;
  /** Random id of this process. */
  readonly frontDoorId: string;
  /** Never leaves this server. */
  readonly adminToken: string | undefined;
}

/**
 * The request's header lines as the upstream gets them: names, values, names, values (SPEC 11.2). The caller adds those of
 * the connection and of the body's framing.
 */
export function forwardedHeaders(
  request: IncomingMessage,
  client: ClientInfo,
  route: UpstreamRoute,
): string[] {
  const kept = endToEnd(request.rawHeaders).filter(
    ([name, value]) =>
      !REWRITTEN.has(headerKey(name)) && (client.viaProxy || !isOfProxies(name)) && !holdsToken(value, route),
  );
  return [hostLine(request, route), ...kept, ...addedHeaders(request, client, route)].flat();
}

/** True when a text holds the operator's token, or a basic authorization that holds it. */
export function holdsToken(text: string, { adminToken }: UpstreamRoute): boolean {
  if (adminToken === undefined) return false;
  const basic = /^basic +(\S+)/i.exec(text)?.[1] ?? '';
  return text.includes(adminToken) || Buffer.from(basic, 'base64').toString('utf8').includes(adminToken);
}

/** The upstream's own host over TLS, for its certificate and virtual hosts; else that of the request. */
const hostLine = ({ headers }: IncomingMessage, { upstream: { url } }: UpstreamRoute): HeaderLine => [
  'Host',
  url.protocol === 'https:' ? url.host : headers.host || url.host,
];

/** Adds this hop to what trusted proxies sent; header lines of others are dropped. */
function addedHeaders(
  { headers, socket }: IncomingMessage,
  client: ClientInfo,
  route: UpstreamRoute,
): HeaderLine[] {
  const fromProxy = (name: string): string | undefined => {
    const value = client.viaProxy ? headers[name] : undefined;
    return value === undefined || holdsToken(String(value), route) ? undefined : String(value);
  };
  const peer = unmappedAddress(socket.remoteAddress);
  const forwarded = fromProxy('forwarded');
  return [
    ...forwardedLines(fromProxy, { peerAddress: peer, secure: client.secure, host: headers.host ?? '' }),
    ...(forwarded === undefined
      ? []
      : [['Forwarded', listed([forwarded, `for=${forwardedNode(peer)}`])] as const]),
    ['X-Wavehall-Door', listed([doorsIn(headers), route.frontDoorId])],
  ];
}

/** RFC 7239, 6: an IPv6 address in brackets and quotes. */
const forwardedNode = (address: string): string => (isIPv6(address) ? `"[${address}]"` : address);

/** The front doors that a request has passed; `undefined` for a forged list. */
function doorsIn(headers: IncomingMessage['headers']): string | undefined {
  const doors = String(headers[DOOR_HEADER] ?? '');
  return DOOR_IDS.test(doors) ? doors : undefined;
}

/** The path without this server's prefix. */
export function ownPath(url: string, prefix: string): string {
  const own = `/${prefix}`;
  if (prefix === '' || !url.startsWith(own)) return url;
  const rest = url.slice(own.length);
  if (!/^([/?]|$)/.test(rest)) return url;
  return rest.startsWith('/') ? rest : `/${rest}`;
}

/** The tab in the path of a client (SPEC 13.2), which the upstream does not know. */
const TAB = /^(?:\/app)?\/t\/[^/?]*(?=\/app\/)/;

/** SPEC 11.2: the same path without a tab, below the upstream's prefix instead of ours. */
export const forwardedPath = (url: string, { upstream, prefix }: UpstreamRoute): string =>
  prefixOf(upstream.url) + ownPath(url, prefix).replace(TAB, '');

/** True when the request has passed this front door before: the upstream is this server. */
export const isLoop = ({ headers }: IncomingMessage, { frontDoorId: door }: UpstreamRoute): boolean =>
  String(headers[DOOR_HEADER] ?? '').includes(door);
