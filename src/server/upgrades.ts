import type { IncomingMessage, Server as HttpServer, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { TLSSocket } from 'node:tls';

type OnUpgrade = (request: IncomingMessage, network: Duplex, head: Buffer) => void;

/** The only protocol that is upgraded to (SPEC 2.1). Any other offer is passed over (RFC 9110, 7.8). */
const asksForWebSocket = ({ headers }: IncomingMessage): boolean =>
  headers.upgrade?.toLowerCase() === 'websocket';

/**
 * Hands WebSocket upgrades to `handle`, and serves a request that offers something else (Java's HttpClient offers `h2c`
 * with each of its requests) as if it had offered nothing. The `shouldUpgradeCallback` of newer Nodes is not used: the
 * requests that come in one piece behind a declined offer are lost with it.
 */
export function onWebSocketUpgrade(http: HttpServer, handle: OnUpgrade): void {
  http.on('upgrade', (request, network, head) => {
    if (asksForWebSocket(request)) handle(request, network, head);
    else serveWithoutUpgrade(http, request, network, head);
  });
}

/**
 * The parser has let go of this connection after the head of the request. The head is put back before what follows it,
 * without the offer, and the HTTP server gets the connection as a new one: body, keep-alive and limits are its own again.
 */
function serveWithoutUpgrade(
  http: HttpServer,
  request: IncomingMessage,
  network: Duplex,
  head: Buffer,
): void {
  network.unshift(Buffer.concat([Buffer.from(headWithoutOffer(request), 'latin1'), head]));
  whenAnswered(network, () => {
    http.emit(network instanceof TLSSocket ? 'secureConnection' : 'connection', network);
  });
}

/** Of what a client wrote, Node gives each byte as one character of Latin-1. */
function headWithoutOffer({ method, url, httpVersion, rawHeaders }: IncomingMessage): string {
  let text = `${method} ${url} HTTP/${httpVersion}\r\n`;
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const [name = '', value = ''] = rawHeaders.slice(at, at + 2);
    const kept = keptOf(name.toLowerCase(), value);
    if (kept !== undefined) text += `${name}: ${kept}\r\n`;
  }
  return `${text}\r\n`;
}

const OFFER = new Set(['upgrade', 'http2-settings']);

function keptOf(name: string, value: string): string | undefined {
  if (OFFER.has(name)) return undefined;
  if (name !== 'connection') return value;
  const options = value.split(',').filter((option) => !OFFER.has(option.trim().toLowerCase()));
  return options.length === 0 ? undefined : options.join(',');
}

/** A response on its way is on the connection until it is finished; others of the same connection wait behind it. */
type Busy = Duplex & { readonly _httpMessage?: ServerResponse | null };

/** Calls back when the requests before this one on the same connection are answered; never when it is lost first. */
function whenAnswered(network: Busy, act: () => void): void {
  const pending = network._httpMessage;
  if (pending === null || pending === undefined) return act();
  const ignore = (): void => undefined;
  network.on('error', ignore);
  pending.once('finish', () => {
    if (network.destroyed) return;
    network.off('error', ignore);
    whenAnswered(network, act);
  });
}
