import type { IncomingHttpHeaders, OutgoingHttpHeaders } from 'node:http';
import type { OutgoingRequest } from './app-upstream.ts';
import type { AuthRequest } from './question.ts';
import { endToEnd, forwardedLines, headerKey, type HeaderLine, isOfProxies } from '../../net/headers.ts';

/** Names a request that has passed a gateway: an app that sends it back is this server. */
export const GATEWAY_HEADER = 'x-wavehall-gateway';

/** The client of a request, as the network shows it. */
export interface GatewayClient {
  readonly remoteAddress: string;
  readonly secure: boolean;
  /** True when a trusted proxy sent the request: what it says of the client counts. */
  readonly viaProxy: boolean;
  /** Address of the socket itself. */
  readonly peerAddress: string;
}

/** Header lines that this server replaces, or that are of this connection alone. */
const REPLACED = new Set([
  ...['accept-encoding', 'content-length', 'expect', 'forwarded', GATEWAY_HEADER],
  ...['x-forwarded-for', 'x-forwarded-proto', 'x-forwarded-host', 'x-forwarded-port'],
]);

/** SPEC 14.2: the header lines that the app receives, each name once. */
export function outgoingHeaders(
  rawHeaders: readonly string[],
  headers: IncomingHttpHeaders,
  client: GatewayClient,
): HeaderLine[] {
  const kept = endToEnd(rawHeaders).filter(
    ([name]) => !REPLACED.has(headerKey(name)) && (client.viaProxy || !isOfProxies(name)),
  );
  return [...merged(kept), ...clientLines(headers, client), [GATEWAY_HEADER, '1']];
}

/** Several lines of one name as one, as HTTP allows; they stay apart for those that must be there once (RFC 9110, 5.3). */
function merged(lines: readonly HeaderLine[]): HeaderLine[] {
  const byName = new Map<string, HeaderLine>();
  for (const [name, value] of lines) {
    const key = name.toLowerCase();
    const former = byName.get(key);
    byName.set(
      key,
      former === undefined ? [name, value] : [name, former[1] + (key === 'cookie' ? '; ' : ', ') + value],
    );
  }
  return [...byName.values()];
}

function clientLines(headers: IncomingHttpHeaders, client: GatewayClient): HeaderLine[] {
  const fromProxy = (name: string): string | undefined =>
    client.viaProxy ? (headers[name] as string | undefined) : undefined;
  const lines = forwardedLines(fromProxy, { ...client, host: headers.host ?? '' });
  const host = fromProxy('x-forwarded-host') ?? headers.host ?? '';
  const port = /:(\d+)$/.exec(host)?.[1] ?? (client.secure ? '443' : '80');
  return [...lines, ['X-Forwarded-Port', fromProxy('x-forwarded-port') ?? port]];
}

/** Header lines of an answer that are of its connection, or of its form as it arrived here. */
const OF_CONNECTION = new Set([
  'connection',
  'content-length',
  'keep-alive',
  'transfer-encoding',
  'trailer',
  'upgrade',
]);

/** SPEC 14.2: the headers of the app's answer as the client receives them. */
export const incomingHeaders = (headers: IncomingHttpHeaders): OutgoingHttpHeaders =>
  Object.fromEntries(Object.entries(headers).filter(([name]) => !OF_CONNECTION.has(name)));

/** Headers of an answer for clients that did not ask themselves. */
export const withoutCookies = (headers: IncomingHttpHeaders): IncomingHttpHeaders =>
  Object.fromEntries(Object.entries(headers).filter(([name]) => name !== 'set-cookie'));

/** The request for the app (SPEC 14.2). */
export const outgoingRequest = (
  { method, path, rawQuery, body }: AuthRequest,
  headers: readonly HeaderLine[],
): OutgoingRequest => ({
  method,
  target: rawQuery === '' ? path : `${path}?${rawQuery}`,
  headers: {
    ...Object.fromEntries(headers),
    'Accept-Encoding': 'identity',
    ...(body.length > 0 && { 'Content-Length': String(body.length) }),
  },
  body,
});
