import {
  Agent,
  type ClientRequest,
  type IncomingHttpHeaders,
  type IncomingMessage,
  request as requestPlain,
} from 'node:http';
import { Agent as TlsAgent, request as requestTls } from 'node:https';
import { type TlsPeer, type TlsTrust, tlsTrust } from './tls-trust.ts';

/** Enough of an answer to show its reason. */
const DEFAULT_MAX_ANSWER_BYTES = 4096;

export interface HttpRequest {
  readonly method: string;
  /** Replaces path and query of the URL, and is sent unchanged: a `URL` would remove dots and empty segments. */
  readonly path?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** JSON, unless `headers` name another type. */
  readonly body?: string | Buffer | undefined;
  /** From the call to the last byte of the answer. */
  readonly timeoutMs: number;
  /** The answer is truncated after this number of bytes. */
  readonly maxAnswerBytes?: number;
  readonly signal?: AbortSignal;
  readonly tls?: TlsTrust;
  /** Without one the request has a connection of its own: Reverb ends each connection after one answer, without announcing it. */
  readonly agent?: Agent;
}

export interface HttpAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  /** The answer has more bytes than were read. */
  readonly isTruncated: boolean;
}

/**
 * Reason why a request has no complete answer. `not-sent`: no connection was made. `stale`: the server closed a kept connection
 * while the request was sent on it. `timeout`: the server may still answer. `broken`: the request may have been carried out.
 */
export type HttpFailureKind = 'not-sent' | 'stale' | 'timeout' | 'broken';

export class HttpFailure extends Error {
  override readonly name = 'HttpFailure';
  readonly kind: HttpFailureKind;
  /** Code of the system's error, such as `ECONNREFUSED`. */
  readonly code: string | undefined;

  constructor(kind: HttpFailureKind, message: string, code?: string) {
    super(message);
    this.kind = kind;
    this.code = code;
  }

  /** Code of the error if it has one, which is clearer than the message. */
  get reason(): string {
    return this.code ?? this.message;
  }
}

/** Agent that keeps connections to one server for the next requests. */
export function keptConnections(peer: TlsPeer, maxSockets: number): Agent {
  const options = { keepAlive: true, maxSockets };
  return peer.url.protocol === 'https:'
    ? new TlsAgent({ ...options, ...tlsTrust(peer) })
    : new Agent(options);
}

/** Sends one request; rejects with `HttpFailure`. A redirect is an answer like any other. */
export function sendRequest(url: URL, request: HttpRequest): Promise<HttpAnswer> {
  return new Promise((resolve, reject) => {
    const { timeoutMs, maxAnswerBytes = DEFAULT_MAX_ANSWER_BYTES, body, agent } = request;
    const outgoing = open(url, request);
    let hasAnswer = false;
    const fail = (failure: HttpFailure): void => {
      clearTimeout(timer);
      reject(failure);
    };
    const timer = setTimeout(() => {
      fail(new HttpFailure('timeout', `no answer in ${timeoutMs} ms`));
      outgoing.destroy();
    }, timeoutMs);
    outgoing.on('error', (error) => fail(failureOf(error, outgoing.reusedSocket)));
    // An answer that is still being read outlives the connection.
    outgoing.on('close', () => hasAnswer || fail(new HttpFailure('broken', 'closed without an answer')));
    outgoing.on('response', (answer) => {
      hasAnswer = true;
      answer.on('error', () => fail(new HttpFailure('broken', 'the answer broke off')));
      readText(answer, maxAnswerBytes, (text, isCut) => {
        clearTimeout(timer);
        resolve({ status: answer.statusCode ?? 0, headers: answer.headers, text, isTruncated: isCut });
        if (isCut || agent === undefined) outgoing.destroy();
      });
    });
    outgoing.end(body);
  });
}

function open(url: URL, { method, path, headers, body, signal, tls, agent }: HttpRequest): ClientRequest {
  const send = url.protocol === 'https:' ? requestTls : requestPlain;
  return send(url, {
    method,
    ...(path !== undefined && { path }),
    headers: {
      ...(body !== undefined && {
        'content-type': 'application/json',
        'content-length': Buffer.byteLength(body),
      }),
      ...headers,
    },
    agent: agent ?? false,
    ...(signal && { signal }),
    ...tls,
  });
}

function readText(
  answer: IncomingMessage,
  maxBytes: number,
  done: (text: string, isCut: boolean) => void,
): void {
  const chunks: Buffer[] = [];
  let bytes = 0;
  const finish = (isCut: boolean): void =>
    done(Buffer.concat(chunks).subarray(0, maxBytes).toString('utf8'), isCut);
  answer.on('data', (chunk: Buffer) => {
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes > maxBytes) finish(true);
  });
  answer.on('end', () => finish(false));
}

const NOT_SENT = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH']);

function failureOf({ code, message }: NodeJS.ErrnoException, isReused: boolean): HttpFailure {
  if (isReused && code === 'ECONNRESET') return new HttpFailure('stale', message, code);
  return new HttpFailure(NOT_SENT.has(code ?? '') ? 'not-sent' : 'broken', message, code);
}
