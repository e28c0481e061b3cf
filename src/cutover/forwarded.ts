import type { IncomingMessage } from 'node:http';
import { prefixOf } from './address.ts';
import type { Upstream } from './ports.ts';
import type { Visitor } from './split.ts';

/** Says through which front doors a request came: one that finds itself in it is its own other side. */
export const DOOR_HEADER = 'x-wavehall-door';
export const LOOP_STATUS = 508;

const REWRITTEN = new Set(['x-forwarded-for', 'x-forwarded-proto', 'x-forwarded-host', DOOR_HEADER]);

export interface Route {
  readonly upstream: Upstream;
  /** The path that is ours alone, without slashes at its ends. */
  readonly prefix: string;
  /** Names this process. */
  readonly door: string;
}

/** The request's header lines as the other side gets them: names, values, names, values (SPEC 11.2). */
export function forwardedHeaders(
  request: IncomingMessage,
  visitor: Visitor,
  route: Route,
  leftOut: ReadonlySet<string> = new Set(),
): string[] {
  const { rawHeaders } = request;
  const { url } = route.upstream;
  const lines: string[] = [];
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const [name = '', value = ''] = [rawHeaders[at], rawHeaders[at + 1]];
    const key = name.toLowerCase();
    if (REWRITTEN.has(key) || leftOut.has(key)) continue;
    // Over TLS the name is what certificates and virtual hosts go by.
    lines.push(name, key === 'host' && url.protocol === 'https:' ? url.host : value);
  }
  return [...lines, ...addedHeaders(request, visitor, route.door)];
}

/** What a proxy said before counts only when it is one that is trusted. */
function addedHeaders({ headers, socket }: IncomingMessage, visitor: Visitor, door: string): string[] {
  const said = (name: string): string | undefined => {
    const value = visitor.viaProxy ? headers[name] : undefined;
    return value === undefined ? undefined : String(value);
  };
  const hops = [said('x-forwarded-for'), plainAddress(socket.remoteAddress ?? '')];
  const doors = [headers[DOOR_HEADER], door];
  return [
    ...['X-Forwarded-For', listed(hops)],
    ...['X-Forwarded-Proto', said('x-forwarded-proto') ?? (visitor.secure ? 'https' : 'http')],
    ...['X-Forwarded-Host', said('x-forwarded-host') ?? headers.host ?? ''],
    ...['X-Wavehall-Door', listed(doors)],
  ];
}

const listed = (items: readonly (string | string[] | undefined)[]): string =>
  items.filter((each) => each !== undefined).join(', ');

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

const plainAddress = (address: string): string => address.replace(/^::ffff:(?=\d+\.)/, '');
