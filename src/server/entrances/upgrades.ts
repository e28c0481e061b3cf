import type { EventEmitter } from 'node:events';
import type { IncomingMessage, Server as HttpServer } from 'node:http';
import type { Socket } from 'node:net';
import type { LiveUpgrades } from '../../admin/routes/live.ts';
import { pathOf } from '../../core/util/http-text.ts';
import { inTurn, type OnUpgrade, putBackRequest, readAgain } from './pipelining.ts';

/** True for the only upgrade that is served (SPEC 2.1). Any other offer is ignored (RFC 9110, 7.8). */
const asksForWebSocket = ({ headers }: IncomingMessage): boolean =>
  headers.upgrade?.toLowerCase() === 'websocket';

const LIVE_SOCKET = '/admin/live/socket';
const LIVE_UPGRADE = Symbol('upgrade of the live socket');

/** Upgrades of the live socket (SPEC 17.5), which go through the framework; all others go past it. */
export function liveUpgrades(http: EventEmitter): LiveUpgrades {
  const on = (_event: 'upgrade', listener: OnUpgrade) => http.on(LIVE_UPGRADE, listener);
  const removeListener = (_event: 'upgrade', listener: OnUpgrade) => http.off(LIVE_UPGRADE, listener);
  return { on, removeListener } as unknown as LiveUpgrades;
}

/** Passes an upgrade of the live socket to the framework; false: it is another one, or nobody serves it. */
const isTakenAsLive = (http: EventEmitter, ...upgrade: Parameters<OnUpgrade>): boolean =>
  pathOf(upgrade[0].url) === LIVE_SOCKET && http.emit(LIVE_UPGRADE, ...upgrade);

/**
 * Passes WebSocket upgrades to `handle`, and serves a request that offers something else (Java's HttpClient offers `h2c`
 * with each of its requests) as if it had offered nothing. The `shouldUpgradeCallback` of newer Nodes is not used: the
 * requests that arrive in one chunk after a declined offer are lost with it.
 */
export function onWebSocketUpgrade(http: HttpServer, handle: OnUpgrade): void {
  const serve: OnUpgrade = (request, network, head) => {
    if (!asksForWebSocket(request)) serveWithoutUpgrade(http, request, network, head);
    else if (!isTakenAsLive(http, request, network, head)) handle(request, network, head);
  };
  http.on('upgrade', inTurn(http, serve));
}

/** Passes CONNECT to `handle`; without one the connection ends, because there is no tunnel. */
export function onTunnel(http: HttpServer, handle: OnUpgrade = (_, network) => network.destroy()): void {
  http.on('connect', inTurn(http, handle));
}

/** Reads the request again without its offer: the parser has released the connection after the head. */
function serveWithoutUpgrade(
  http: HttpServer,
  request: IncomingMessage,
  network: Socket,
  head: Buffer,
): void {
  putBackRequest(network, request, withoutOffer(request.rawHeaders), head);
  readAgain(http, network);
}

const OFFER = new Set(['upgrade', 'http2-settings']);

function withoutOffer(rawHeaders: readonly string[]): string[] {
  const left: string[] = [];
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const [name = '', value = ''] = rawHeaders.slice(at, at + 2);
    const kept = keptOf(name.toLowerCase(), value);
    if (kept !== undefined) left.push(name, kept);
  }
  return left;
}

function keptOf(name: string, value: string): string | undefined {
  if (OFFER.has(name)) return undefined;
  if (name !== 'connection') return value;
  const options = value.split(',').filter((option) => !OFFER.has(option.trim().toLowerCase()));
  return options.length === 0 ? undefined : options.join(',');
}
