import {
  type ClientRequest,
  type IncomingMessage,
  request as requestPlain,
  type RequestOptions,
  type ServerResponse,
} from 'node:http';
import { request as requestTls } from 'node:https';
import { hostOf } from './address.ts';
import { DOOR_HEADER, forwardedHeaders, forwardedPath, LOOP_STATUS, type Route } from './forwarded.ts';
import type { Visitor } from './split.ts';
import { trust } from './trust.ts';

/** Silence of the other side after which a request is given up. */
const TIMEOUT_MS = 30_000;
const ASK_TIMEOUT_MS = 2000;
/** About one connection, not about the request (RFC 9110, 7.6.1). */
const OF_THE_CONNECTION = new Set(['connection', 'keep-alive', 'proxy-connection']);

/** Hands a whole request to the other side, and its answer back, as they come (SPEC 11.2). */
export function passRequest(
  request: IncomingMessage,
  response: ServerResponse,
  visitor: Visitor,
  route: Route,
): void {
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

/** True when the other side is this server: what went there would come back, for ever (SPEC 11.17). */
export function leadsHere(route: Route): Promise<boolean> {
  return new Promise((resolve) => {
    const headers = { [DOOR_HEADER]: route.door };
    const options = { method: 'GET', path: forwardedPath('/live', route), headers, timeout: ASK_TIMEOUT_MS };
    const outgoing = ask(route, options);
    outgoing.on('response', (answer) => {
      answer.resume();
      resolve(answer.statusCode === LOOP_STATUS);
    });
    outgoing.on('timeout', () => outgoing.destroy());
    outgoing.on('error', () => resolve(false));
    outgoing.on('close', () => resolve(false));
    outgoing.end();
  });
}

function open(request: IncomingMessage, visitor: Visitor, route: Route): ClientRequest {
  return ask(route, {
    method: request.method,
    path: forwardedPath(request.url ?? '/', route),
    headers: forwardedHeaders(request, visitor, route, OF_THE_CONNECTION),
    timeout: TIMEOUT_MS,
  });
}

function ask({ upstream }: Route, options: RequestOptions): ClientRequest {
  const { url } = upstream;
  const request = url.protocol === 'https:' ? requestTls : requestPlain;
  return request({
    host: hostOf(url),
    port: url.port,
    ...trust(upstream),
    // Reverb answers one request per connection.
    agent: false,
    ...options,
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
