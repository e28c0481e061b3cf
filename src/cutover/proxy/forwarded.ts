import type { IncomingMessage } from 'node:http';
import { isIPv6 } from 'node:net';
import { unmappedAddress } from '../../core/util/ip-address.ts';
import { prefixOf } from '../../net/address.ts';
import { endToEnd, headerKey, type HeaderLine, isOfProxies } from './headers.ts';
import type { Upstream } from '../ports.ts';
import { SIDE_HEADER } from '../split/side-header.ts';
import type { ClientInfo } from '../split/split.ts';

/** Says through which front doors a request came: one that finds itself in it is its own other side. */
export const DOOR_HEADER = 'x-wavehall-door';
export const LOOP_STATUS = 508;

/** Written anew, or answered by this server. */
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

export interface Route {
  readonly upstream: Upstream;
  /** The path that is ours alone, without slashes at its ends. */
  readonly prefix: string;
  /** Names this process. */
  readonly door: string;
  /** Never leaves this server. */
  readonly adminToken: string | undefined;
}

/**
 * The request's header lines as the other side gets them: names, values, names, values (SPEC 11.2). What is about the
 * connection or the body's framing is left to the caller, who makes both anew.
 */
export function forwardedHeaders(request: IncomingMessage, visitor: ClientInfo, route: Route): string[] {
  const kept = endToEnd(request.rawHeaders).filter(
    ([name, value]) =>
      !REWRITTEN.has(headerKey(name)) &&
      (visitor.viaProxy || !isOfProxies(name)) &&
      !holdsToken(value, route),
  );
  return [hostLine(request, route), ...kept, ...addedHeaders(request, visitor, route)].flat();
}

/** True when a text holds the operator's token, or a basic authorization that holds it. */
export function holdsToken(text: string, { adminToken }: Route): boolean {
  if (adminToken === undefined) return false;
  const basic = /^basic +(\S+)/i.exec(text)?.[1] ?? '';
  return text.includes(adminToken) || Buffer.from(basic, 'base64').toString('utf8').includes(adminToken);
}

/** Over TLS the name is what certificates and virtual hosts go by. */
const hostLine = ({ headers }: IncomingMessage, { upstream: { url } }: Route): HeaderLine => [
  'Host',
  url.protocol === 'https:' ? url.host : headers.host || url.host,
];

/** What a proxy said before counts only when it is one that is trusted. */
function addedHeaders({ headers, socket }: IncomingMessage, visitor: ClientInfo, route: Route): HeaderLine[] {
  const said = (name: string): string | undefined => {
    const value = visitor.viaProxy ? headers[name] : undefined;
    return value === undefined || holdsToken(String(value), route) ? undefined : String(value);
  };
  const peer = unmappedAddress(socket.remoteAddress);
  const proto = said('x-forwarded-proto') ?? (visitor.secure ? 'https' : 'http');
  const forwarded = said('forwarded');
  return [
    ['X-Forwarded-For', listed([said('x-forwarded-for'), peer])],
    ['X-Forwarded-Proto', proto],
    ['X-Forwarded-Host', said('x-forwarded-host') ?? headers.host ?? ''],
    ...(forwarded === undefined
      ? []
      : [['Forwarded', listed([forwarded, `for=${forwardedNode(peer)}`])] as const]),
    ['X-Wavehall-Door', listed([doorsIn(headers), route.door])],
  ];
}

const listed = (items: readonly (string | undefined)[]): string =>
  items.filter((each) => each !== undefined).join(', ');

/** RFC 7239, 6: an IPv6 address in brackets and quotes. */
const forwardedNode = (address: string): string => (isIPv6(address) ? `"[${address}]"` : address);

/** The front doors that a request has passed; what is no list of them was made up. */
function doorsIn(headers: IncomingMessage['headers']): string | undefined {
  const doors = String(headers[DOOR_HEADER] ?? '');
  return DOOR_IDS.test(doors) ? doors : undefined;
}

/** The path without the prefix that is ours alone. */
export function ownPath(url: string, prefix: string): string {
  const own = `/${prefix}`;
  if (prefix === '' || !url.startsWith(own)) return url;
  const rest = url.slice(own.length);
  if (!/^([/?]|$)/.test(rest)) return url;
  return rest.startsWith('/') ? rest : `/${rest}`;
}

/** SPEC 11.2: the same path, below the other side's prefix instead of ours. */
export const forwardedPath = (url: string, { upstream, prefix }: Route): string =>
  prefixOf(upstream.url) + ownPath(url, prefix);

/** True when the request has passed this door before: the other side is ourselves. */
export const isOurOwn = ({ headers }: IncomingMessage, { door }: Route): boolean =>
  String(headers[DOOR_HEADER] ?? '').includes(door);
