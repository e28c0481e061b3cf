import { IncomingMessage, type Server as HttpServer, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { ignore } from '../core/util/ignore.ts';

/** A listener of the HTTP server for upgrades and CONNECT. `head`: the bytes behind the head of the request. */
export type OnUpgrade = (request: IncomingMessage, network: Socket, head: Buffer) => void;

/** The answer that the HTTP server owes or sends on this connection. */
type Owing = Socket & { readonly _httpMessage?: ServerResponse | null };

const IS_BEHIND = Symbol('comes behind a request without an answer');
const ASKED = Symbol('what the parser has found');

/**
 * A request as the HTTP server reads it (its option `IncomingMessage`). One that comes behind another whose answer has not
 * left is shown to the HTTP server as an upgrade: its parser stops there, lets go of the connection, and `inTurn` brings
 * it back. One read of a connection holds 2,600 requests, and a turn of the event loop has up to 32 reads: served in one
 * go, those of ten clients keep all others waiting for seconds. So each connection has one request at a time, no more of
 * its bytes are taken than a socket buffers, and the next one is read in a later turn.
 */
export class RequestInTurn extends IncomingMessage {
  readonly [IS_BEHIND]: boolean;
  [ASKED]: boolean | null | undefined;

  constructor(network: Owing) {
    super(network);
    this[IS_BEHIND] = owedOn(network) !== undefined;
  }

  get upgrade(): boolean | null | undefined {
    return this[IS_BEHIND] || this[ASKED];
  }

  set upgrade(asked: boolean | null | undefined) {
    this[ASKED] = asked;
  }
}

/** Calls `handle` with requests that come first on their connection; others are read again when the one before is answered. */
export function inTurn(http: HttpServer, handle: OnUpgrade): OnUpgrade {
  return (request, network, head) => {
    if (!(request instanceof RequestInTurn) || !request[IS_BEHIND]) return handle(request, network, head);
    putBack(network, request, request.rawHeaders, head);
    whenAnswered(network, () => readAgain(http, network));
  };
}

/** Puts what the parser has taken in front of what is still to be read. Of what a client wrote, Node gives each byte as one character of Latin-1. */
export function putBack(
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

/** The HTTP server gets the connection as a new one: body, keep-alive and limits are its own again. */
export function readAgain(http: HttpServer, network: Socket): void {
  // That of an idle connection, which the answer before has set.
  network.setTimeout(0);
  http.emit(network instanceof TLSSocket ? 'secureConnection' : 'connection', network);
  // With a listener for its bytes it is read as any stream is, no further than its buffer; else whenever a parser begins.
  network.on('data', ignore).off('data', ignore);
}

const owedOn = ({ _httpMessage: owed }: Owing): ServerResponse | undefined => owed ?? undefined;

/** Calls back in a later turn of the event loop, once the answer has left; never when the connection is lost or ends with it. */
function whenAnswered(network: Owing, act: () => void): void {
  network.on('error', ignore);
  owedOn(network)?.once('finish', () => {
    setImmediate(() => {
      if (network.destroyed || network.writableEnded) return;
      network.off('error', ignore);
      act();
    });
  });
}
