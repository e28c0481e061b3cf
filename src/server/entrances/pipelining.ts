import { IncomingMessage, type Server as HttpServer, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { ignore } from '../../core/util/ignore.ts';

/** A listener of the HTTP server for upgrades and CONNECT. `head`: the bytes after the head of the request. */
export type OnUpgrade = (request: IncomingMessage, network: Socket, head: Buffer) => void;

/** A connection with the answer that the HTTP server has not finished on it. */
type SocketWithAnswer = Socket & { readonly _httpMessage?: ServerResponse | null };

const IS_PIPELINED = Symbol('follows a request without an answer');
const PARSED_UPGRADE = Symbol('upgrade as parsed');

/**
 * A request as the HTTP server reads it (its option `IncomingMessage`). A request that follows another one whose answer is
 * not sent yet is presented to the HTTP server as an upgrade: its parser stops there and releases the connection, and
 * `inTurn` returns it later. The reason: one read of a connection holds 2,600 requests, and an iteration of the event loop
 * has up to 32 reads. Served at once, the requests of ten clients would block all others for seconds. So each connection
 * has one request at a time, no more of its bytes are read than a socket buffers, and the next one is read in a later iteration.
 */
export class RequestInTurn extends IncomingMessage {
  readonly [IS_PIPELINED]: boolean;
  [PARSED_UPGRADE]: boolean | null | undefined;

  constructor(network: SocketWithAnswer) {
    super(network);
    this[IS_PIPELINED] = pendingAnswer(network) !== undefined;
  }

  get upgrade(): boolean | null | undefined {
    return this[IS_PIPELINED] || this[PARSED_UPGRADE];
  }

  set upgrade(asked: boolean | null | undefined) {
    this[PARSED_UPGRADE] = asked;
  }
}

/** Calls `handle` for a request that is first on its connection; any other is read again when the one before is answered. */
export function inTurn(http: HttpServer, handle: OnUpgrade): OnUpgrade {
  return (request, network, head) => {
    if (!(request instanceof RequestInTurn) || !request[IS_PIPELINED]) return handle(request, network, head);
    putBackRequest(network, request, request.rawHeaders, head);
    whenAnswered(network, () => readAgain(http, network));
  };
}

/** Puts what the parser has consumed back in front of the unread bytes. Node's parser gives each byte as one character of Latin-1. */
export function putBackRequest(
  network: Socket,
  { method, url, httpVersion }: IncomingMessage,
  rawHeaders: readonly string[],
  head: Buffer,
): void {
  let text = `${method} ${url} HTTP/${httpVersion}\r\n`;
  for (let at = 0; at < rawHeaders.length; at += 2) text += `${rawHeaders[at]}: ${rawHeaders[at + 1]}\r\n`;
  if (head.length > 0) network.unshift(head);
  network.unshift(Buffer.from(`${text}\r\n`, 'latin1'));
}

/** Gives the connection to the HTTP server as a new one, with body, keep-alive and limits. */
export function readAgain(http: HttpServer, network: Socket): void {
  // The keep-alive timeout, which the previous answer has set.
  network.setTimeout(0);
  http.emit(network instanceof TLSSocket ? 'secureConnection' : 'connection', network);
  // A listener for its bytes makes it read like any stream, no further than its buffer.
  network.on('data', ignore).off('data', ignore);
}

const pendingAnswer = ({ _httpMessage: owed }: SocketWithAnswer): ServerResponse | undefined =>
  owed ?? undefined;

/** Calls `act` in a later iteration of the event loop, once the answer is sent; never when the connection is lost or ends with it. */
function whenAnswered(network: SocketWithAnswer, act: () => void): void {
  network.on('error', ignore);
  pendingAnswer(network)?.once('finish', () => {
    setImmediate(() => {
      if (network.destroyed || network.writableEnded) return;
      network.off('error', ignore);
      act();
    });
  });
}
