import { WebSocket } from 'ws';
import { backoffMs } from '../../../core/util/backoff.ts';
import { type ClientTarget, openClientSocket } from '../../client/client-socket.ts';
import { objectIn, readServerFrame } from '../../client/read-frame.ts';
import type { ServerFrame } from '../../client/server-frame.ts';
import type { BridgeLimits } from '../limits.ts';
import type { LinkListener, Pong, UpstreamLink } from '../ports/link.ts';
import { Pings } from './pings.ts';

const BRIDGE_CLIENT = 'wavehall-bridge';
const JITTER = [0.5, 1] as const;

export interface LinkOptions {
  readonly upstream: ClientTarget;
  /** Key of the app. */
  readonly key: string;
  readonly limits: BridgeLimits;
  /** Resolves when this connection may connect, with what is called when it has. */
  readonly acquire?: (() => Promise<() => void>) | undefined;
}

/** SPEC 11.6, 11.13: one WebSocket to the upstream. It reconnects, with backoff, until it is closed. */
export class Link implements UpstreamLink {
  socketId = '';
  readonly #options: LinkOptions;
  readonly #listener: LinkListener;
  readonly #pings = new Pings(() => void this.sendText('{"event":"pusher:ping","data":{}}'));
  #socket: WebSocket | undefined;
  #isOpen = false;
  #isClosed = false;
  #failures = 0;
  #retry: NodeJS.Timeout | undefined;
  #greetingTimer: NodeJS.Timeout | undefined;
  #heartbeat: NodeJS.Timeout | undefined;
  #receivedAtMs = 0;
  #refusal: string | undefined;

  constructor(deps: LinkOptions, receiver: LinkListener) {
    this.#options = deps;
    this.#listener = receiver;
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** Round trip of the last ping. */
  get lagMs(): number {
    return this.#pings.lagMs;
  }

  open(): void {
    if (this.#isClosed || this.#socket !== undefined) return;
    this.#retry = undefined;
    const turn = this.#options.acquire?.();
    if (turn === undefined) this.#connect(() => undefined);
    else void turn.then((done) => this.#connect(done));
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#retry);
    const socket = this.#socket;
    if (socket === undefined) return;
    this.#ended(socket, 'closed');
    if (socket.readyState === WebSocket.OPEN) socket.close(1000);
    else socket.terminate();
    setTimeout(() => socket.terminate(), 1000).unref();
  }

  send(event: string, data: object, channel?: string): boolean {
    return this.sendText(JSON.stringify({ event, data, channel }));
  }

  sendText(text: string): boolean {
    if (!this.#isOpen || this.#socket?.readyState !== WebSocket.OPEN) return false;
    this.#socket.send(text);
    return true;
  }

  ping(pong: Pong): void {
    if (this.#isOpen) this.#pings.ping(pong);
    else pong(false);
  }

  barrier(): Promise<boolean> {
    return new Promise((resolve) => this.ping(resolve));
  }

  #connect(done: () => void): void {
    if (this.#isClosed || this.#socket !== undefined) return done();
    const { upstream, key, limits } = this.#options;
    const socket = openClientSocket(upstream, {
      key,
      client: BRIDGE_CLIENT,
      handshakeMs: limits.handshakeMs,
    });
    this.#socket = socket;
    this.#refusal = undefined;
    this.#greetingTimer = setTimeout(() => this.#ended(socket, 'no greeting in time'), limits.handshakeMs);
    socket.on('message', (message: Buffer) => {
      if (this.#socket === socket) this.#received(message.toString('utf8'), socket);
    });
    socket.on('pong', () => (this.#receivedAtMs = Date.now()));
    socket.on('error', (error) => this.#ended(socket, error.message));
    socket.on('close', (code, reason) => this.#ended(socket, `${code} ${reason.toString('utf8')}`.trim()));
    socket.once('open', done);
    socket.once('close', done);
  }

  #received(text: string, socket: WebSocket): void {
    this.#receivedAtMs = Date.now();
    const frame = readServerFrame(text);
    if (frame === undefined) return;
    if (frame.event === 'pusher:ping') this.sendText('{"event":"pusher:pong","data":{}}');
    else if (frame.event === 'pusher:pong') this.#pings.ponged();
    else if (!this.#isOpen) this.#establish(frame, socket);
    else this.#listener.frame(frame);
  }

  #establish(frame: ServerFrame, socket: WebSocket): void {
    const data = objectIn(frame.data);
    if (frame.event === 'pusher:error') {
      this.#refusal = `${String(data.code)} ${String(data.message)}`.slice(0, 200);
      return this.#ended(socket, this.#refusal);
    }
    if (frame.event !== 'pusher:connection_established' || typeof data.socket_id !== 'string') return;
    clearTimeout(this.#greetingTimer);
    this.socketId = data.socket_id;
    this.#isOpen = true;
    this.#failures = 0;
    this.#heartbeat = setInterval(() => this.#checkAlive(socket), this.#options.limits.pingMs);
    this.#heartbeat.unref();
    this.#listener.opened();
  }

  #checkAlive(socket: WebSocket): void {
    const { pingMs, pongMs } = this.#options.limits;
    const { waitedMs } = this.#pings;
    if (waitedMs !== undefined) {
      if (waitedMs > pongMs) this.#ended(socket, 'no pong in time');
    } else if (Date.now() - this.#receivedAtMs >= pingMs / 2) this.ping(() => undefined);
  }

  #ended(socket: WebSocket, reason: string): void {
    if (this.#socket !== socket) return;
    const wasOpen = this.#isOpen;
    this.#socket = undefined;
    this.#isOpen = false;
    this.socketId = '';
    clearTimeout(this.#greetingTimer);
    clearInterval(this.#heartbeat);
    if (socket.readyState !== WebSocket.CLOSED && !this.#isClosed) socket.terminate();
    this.#pings.lost();
    if (wasOpen) this.#listener.lost();
    if (this.#isClosed) return;
    this.#listener.failed(this.#refusal ?? reason);
    this.#retry = setTimeout(() => this.open(), this.#pauseMs(wasOpen));
    this.#retry.unref();
  }

  /** Pause before the next attempt: short after a loss, longer after each failure, the longest after a refusal. */
  #pauseMs(wasOpen: boolean): number {
    const { reconnectFirstMs: firstMs, reconnectMostMs: mostMs } = this.#options.limits;
    if (!wasOpen) this.#failures += 1;
    const retry = this.#refusal === undefined ? this.#failures : Infinity;
    return backoffMs(retry, { firstMs, mostMs, jitter: JITTER });
  }
}
