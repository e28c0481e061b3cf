import {
  type ClientRequest,
  type IncomingMessage,
  request as requestPlain,
  type ServerResponse,
} from 'node:http';
import { request as requestTls } from 'node:https';
import { trust } from './bridge/trust.ts';
import { forwardedHeaders, forwardedPath, isOurOwn, type Route } from './forwarded.ts';
import type { Visitor } from './split.ts';

/** Silence of the other side after which a request is given up. */
const TIMEOUT_MS = 30_000;
/** About one connection, not about the request (RFC 9110, 7.6.1). */
const OF_THE_CONNECTION = new Set(['connection', 'keep-alive', 'proxy-connection']);

/** Hands a whole request to the other side, and its answer back, as they come (SPEC 11.2). */
export function passRequest(
  request: IncomingMessage,
  response: ServerResponse,
  visitor: Visitor,
  route: Route,
): void {
  if (isOurOwn(request, route))
    return refuse(response, 508, 'WAVEHALL_CUTOVER_UPSTREAM is this server itself.');
  const outgoing = open(request, visitor, route);
  outgoing.on('response', (answer) => giveBack(answer, response));
  outgoing.on('timeout', () => outgoing.destroy(new Error(`no answer in ${TIMEOUT_MS / 1000} s`)));
  outgoing.on('error', (error) => {
    if (response.headersSent) response.destroy();
    else
      refuse(
        response,
        502,
        `The other server (WAVEHALL_CUTOVER_UPSTREAM) cannot be reached: ${reasonOf(error)}.`,
      );
  });
  response.on('close', () => outgoing.destroy());
  request.pipe(outgoing);
}

function open(request: IncomingMessage, visitor: Visitor, route: Route): ClientRequest {
  const { url } = route.upstream;
  const ask = url.protocol === 'https:' ? requestTls : requestPlain;
  return ask({
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port: url.port,
    ...trust(route.upstream),
    method: request.method,
    path: forwardedPath(request.url ?? '/', route),
    headers: forwardedHeaders(request, visitor, route, OF_THE_CONNECTION),
    // Reverb answers one request per connection.
    agent: false,
    timeout: TIMEOUT_MS,
  });
}

function giveBack(answer: IncomingMessage, response: ServerResponse): void {
  const lines: string[] = [];
  for (let at = 0; at < answer.rawHeaders.length; at += 2) {
    const [name = '', value = ''] = answer.rawHeaders.slice(at, at + 2);
    if (!OF_THE_CONNECTION.has(name.toLowerCase())) lines.push(name, value);
  }
  response.writeHead(answer.statusCode ?? 502, answer.statusMessage, lines);
  answer.on('error', () => response.destroy());
  answer.pipe(response);
}

/** A code such as ECONNREFUSED says more than the address that is known anyway. */
export const reasonOf = (error: Error): string => (error as NodeJS.ErrnoException).code ?? error.message;

function refuse(response: ServerResponse, status: number, body: string): void {
  response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8' });
  response.end(body);
}
