import type { ClientRequest, IncomingMessage, ServerResponse } from 'node:http';
import { sendRequest } from '../../net/http-client.ts';
import { tlsTrust } from '../../net/tls-trust.ts';
import { requestUpstream, errorReason } from './upstream-request.ts';
import {
  DOOR_HEADER,
  forwardedHeaders,
  forwardedPath,
  holdsToken,
  LOOP_STATUS,
  type UpstreamRoute,
} from './forwarded.ts';
import { endToEnd, headerKey } from '../../net/headers.ts';
import type { ClientInfo } from '../split/split.ts';
import { hasOneHost, mayGoUpstream } from '../split/request-target.ts';

/** Time for the upstream to send the head of its answer, and for each pause in it; for a client, for each pause in reading it. */
const PROXY_TIMEOUT_MS = 30_000;
const SELF_TIMEOUT_MS = 2000;
/** TRACE would show a client what a proxy adds; CONNECT asks for a tunnel. */
const NEVER_PROXIED: readonly unknown[] = ['TRACE', 'CONNECT'];
const USUALLY_WITH_BODY: readonly string[] = ['POST', 'PUT', 'PATCH'];

/** SPEC 11.2: true when a request without a route here may go to the upstream. */
export function mayProxy(request: IncomingMessage, route: UpstreamRoute): boolean {
  const { method, url = '', rawHeaders } = request;
  if (NEVER_PROXIED.includes(method) || !mayGoUpstream(url, route.prefix) || !hasOneHost(request))
    return false;
  return ![url, ...rawHeaders].some((text) => holdsToken(text, route));
}

/** Streams a request to the upstream, and its answer back (SPEC 11.2). */
export function proxyRequest(
  request: IncomingMessage,
  response: ServerResponse,
  client: ClientInfo,
  route: UpstreamRoute,
): void {
  let outgoing: ClientRequest;
  try {
    outgoing = openUpstreamRequest(request, client, route);
  } catch {
    return refuseRequest(request, response, 400, 'Bad request.');
  }
  relayAnswer(outgoing, request, response);
  request.pipe(outgoing);
}

/** Ends the request in every case: with an answer, with 502, or by a close when the answer has begun. */
function relayAnswer(outgoing: ClientRequest, request: IncomingMessage, response: ServerResponse): void {
  let forwarded: IncomingMessage | undefined;
  const fail = (reason: string): void => {
    clearTimeout(deadline);
    outgoing.destroy();
    // Bytes behind a whole answer are dropped.
    if (forwarded?.complete !== true) failRequest(request, response, reason);
  };
  const late = (): void => fail(`did not answer in ${PROXY_TIMEOUT_MS / 1000} s`);
  const deadline = setTimeout(late, PROXY_TIMEOUT_MS);
  outgoing.on('response', (answer) => {
    clearTimeout(deadline);
    const reason = reasonAgainst(answer);
    if (reason !== undefined) return fail(reason);
    // The upstream may refuse without reading the rest of the body, and close; its answer still counts.
    if ((answer.statusCode ?? 0) >= 400) dropBody(request, outgoing);
    if (forwardResponse(answer, response, fail)) forwarded = answer;
  });
  outgoing.on('timeout', late);
  onNoAnswer(outgoing, response, fail);
  response.on('close', () => {
    clearTimeout(deadline);
    outgoing.destroy();
  });
}

function onNoAnswer(outgoing: ClientRequest, response: ServerResponse, fail: (reason: string) => void): void {
  outgoing.on('upgrade', (_, socket) => {
    socket.destroy();
    fail('switched protocols unasked');
  });
  outgoing.on('error', (error) => fail(`cannot be reached: ${errorReason(error)}`));
  outgoing.on('close', () => response.headersSent || fail('closed the connection without an answer'));
}

function failRequest(request: IncomingMessage, response: ServerResponse, reason: string): void {
  if (!response.headersSent)
    refuseRequest(request, response, 502, `The upstream (WAVEHALL_CUTOVER_UPSTREAM) ${reason}.`);
  else if (!response.writableEnded) response.destroy();
}

/** True when the upstream is this server: a request to it would come back, for ever (SPEC 11.17). */
export async function isSelf(route: UpstreamRoute): Promise<boolean> {
  const answer = await sendRequest(route.upstream.url, {
    method: 'GET',
    path: forwardedPath('/live', route),
    headers: { [DOOR_HEADER]: route.frontDoorId },
    timeoutMs: SELF_TIMEOUT_MS,
    tls: tlsTrust(route.upstream),
  }).catch(() => undefined);
  return answer?.status === LOOP_STATUS;
}

function openUpstreamRequest(
  request: IncomingMessage,
  client: ClientInfo,
  route: UpstreamRoute,
): ClientRequest {
  return requestUpstream(route, {
    method: request.method,
    path: forwardedPath(request.url ?? '/', route),
    headers: [...forwardedHeaders(request, client, route), ...framingOf(request), ...['Connection', 'close']],
    timeout: PROXY_TIMEOUT_MS,
  });
}

/** Framing of the body, written anew: its length, chunks, or none. */
function framingOf({ method = '', headers }: IncomingMessage): string[] {
  if (headers['transfer-encoding'] !== undefined) return ['Transfer-Encoding', 'chunked'];
  const length = headers['content-length'] ?? (USUALLY_WITH_BODY.includes(method) ? '0' : undefined);
  return length === undefined ? [] : ['Content-Length', length];
}

/** Why an answer cannot be forwarded; `undefined` when it can. */
function reasonAgainst({ statusCode = 0, headers }: IncomingMessage): string | undefined {
  if (statusCode < 200 || statusCode > 599) return `answered with status ${statusCode}`;
  const coding = headers['transfer-encoding'];
  return coding === undefined || coding.toLowerCase() === 'chunked'
    ? undefined
    : 'answered in a transfer coding that is not known';
}

/** Forwards an answer; false when its head cannot be written. */
function forwardResponse(
  answer: IncomingMessage,
  response: ServerResponse,
  fail: (reason: string) => void,
): boolean {
  const { statusCode = 0, statusMessage, rawHeaders } = answer;
  const hasNoLength = statusCode === 204 || answer.headers['transfer-encoding'] !== undefined;
  const lines = endToEnd(rawHeaders).filter(([name]) => !hasNoLength || headerKey(name) !== 'content-length');
  try {
    response.writeHead(statusCode, statusMessage, lines.flat());
  } catch {
    fail('answered with a head that is no HTTP');
    return false;
  }
  response.setTimeout(PROXY_TIMEOUT_MS, () => response.destroy());
  answer.on('error', () => fail('broke off its answer'));
  answer.pipe(response);
  return true;
}

function dropBody(request: IncomingMessage, outgoing: ClientRequest): void {
  request.unpipe(outgoing);
  request.resume();
}

/** Answers, and drops the rest of the request, whose time the server limits. */
function refuseRequest(
  request: IncomingMessage,
  response: ServerResponse,
  status: number,
  body: string,
): void {
  request.unpipe();
  request.resume();
  response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8', connection: 'close' });
  response.end(body);
}
