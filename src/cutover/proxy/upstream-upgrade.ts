import type { ClientRequest, IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { ignore } from '../../core/util/ignore.ts';
import { requestUpstream } from './upstream-request.ts';
import { forwardedHeaders, forwardedPath, type UpstreamRoute } from './forwarded.ts';
import { isAccepted } from './handshake.ts';
import { endToEnd, headerKey } from '../../net/headers.ts';
import type { ClientInfo } from '../split/split.ts';

/** Time for the upstream to be reached and to answer an upgrade (SPEC 11.3). */
const ANSWER_TIMEOUT_MS = 5000;
/** A refusal is a sentence; of a larger one only the status is forwarded. */
const MAX_REFUSAL_BYTES = 16 * 1024;
const TUNNEL_KEEP_ALIVE_MS = 60_000;

/** The upstream accepted the handshake; `rest` are the bytes behind the head of its answer. */
export interface Accepted {
  readonly head: string;
  readonly socket: Socket;
  readonly rest: Buffer;
}

/** The upstream's own refusal. */
export interface Refused {
  readonly head: string;
  readonly body: Buffer;
  readonly socket: undefined;
}

export type UpgradeAnswer = Accepted | Refused;

/**
 * Requests a WebSocket of the upstream with the browser's own header lines. Rejects when it cannot be reached, does not
 * answer in time, or answers with 5xx or with anything that is neither HTTP nor a handshake.
 */
export function requestUpgrade(
  route: UpstreamRoute,
  request: IncomingMessage,
  client: ClientInfo,
  signal: AbortSignal,
): Promise<UpgradeAnswer> {
  return new Promise((resolve, reject) => {
    const outgoing = openUpgrade(route, request, client, signal);
    const answered = (answer: UpgradeAnswer): void => {
      clearTimeout(timer);
      resolve(answer);
    };
    const fail = (reason: Error): void => {
      clearTimeout(timer);
      reject(reason);
      outgoing.destroy();
    };
    const timer = setTimeout(
      () => fail(new Error(`no answer in ${ANSWER_TIMEOUT_MS / 1000} s`)),
      ANSWER_TIMEOUT_MS,
    );
    outgoing.on('error', fail);
    outgoing.on('close', () => fail(new Error('it closed the connection without an answer')));
    onAccepted(outgoing, request, answered, fail);
    onRefused(outgoing, answered, fail);
    outgoing.end();
  });
}

const openUpgrade = (
  route: UpstreamRoute,
  request: IncomingMessage,
  client: ClientInfo,
  signal: AbortSignal,
): ClientRequest =>
  requestUpstream(route, {
    method: 'GET',
    path: forwardedPath(request.url ?? '/', route),
    headers: [...forwardedHeaders(request, client, route), 'Connection', 'Upgrade', 'Upgrade', 'websocket'],
    signal,
  });

function onAccepted(
  outgoing: ClientRequest,
  request: IncomingMessage,
  answered: (answer: Accepted) => void,
  fail: (reason: Error) => void,
): void {
  outgoing.on('upgrade', (answer, socket: Socket, rest) => {
    socket.on('error', ignore).setNoDelay(true).setKeepAlive(true, TUNNEL_KEEP_ALIVE_MS);
    if (isAccepted(answer, request)) return answered({ head: responseHead(answer), socket, rest });
    socket.destroy();
    fail(new Error('its answer is no WebSocket handshake'));
  });
}

function onRefused(
  outgoing: ClientRequest,
  answered: (answer: Refused) => void,
  fail: (reason: Error) => void,
): void {
  outgoing.on('response', (answer) => {
    const { statusCode: status = 0 } = answer;
    answer.on('error', fail);
    if (status < 200 || status > 499) return fail(new Error(`it answered with ${status}`));
    readRefusal(answer, (body) => {
      answered({ head: responseHead(answer), body, socket: undefined });
      outgoing.destroy();
    });
  });
}

function readRefusal(answer: IncomingMessage, done: (body: Buffer) => void): void {
  const chunks: Buffer[] = [];
  let bytes = 0;
  answer.on('data', (chunk: Buffer) => {
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes > MAX_REFUSAL_BYTES) done(Buffer.alloc(0));
  });
  answer.on('end', () => done(Buffer.concat(chunks)));
}

/** Status line and end-to-end header lines; those of the connection and the framing are written by the caller. */
function responseHead({ statusCode = 0, statusMessage = '', rawHeaders }: IncomingMessage): string {
  const lines = endToEnd(rawHeaders).filter(([name]) => headerKey(name) !== 'content-length');
  return [
    `HTTP/1.1 ${statusCode} ${statusMessage}`,
    ...lines.map(([name, value]) => `${name}: ${value}`),
  ].join('\r\n');
}
