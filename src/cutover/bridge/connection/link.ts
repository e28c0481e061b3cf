import { WebSocket } from 'ws';
import type { Upstream } from '../../ports.ts';
import { backoffMs } from '../../../core/util/backoff.ts';
import { dial } from './dial.ts';
import { objectIn, readFrame, type RemoteFrame } from '../frame.ts';
import type { BridgeLimits } from '../limits.ts';
import { Pings, type Pong } from './pings.ts';

const JITTER = [0.5, 1] as const;

export interface LinkNeeds {
  readonly upstream: Upstream;
  readonly key: string;
  readonly limits: BridgeLimits;
  /** Resolves when it is this connection's turn to connect. */
  readonly turn?: (() => Promise<() => void>) | undefined;
}

/** What a link's owner hears. No member may throw. */
export interface LinkListener {
  opened(): void;
  frame(frame: RemoteFrame): void;
  /** It was open, and is not any more. */
  lost(): void;
  /** It could not be opened, or was refused. */
  failed(reason: string): void;
}

/** SPEC 11.6, 11.13: one connection to the other side. It comes back by itself until it is closed. */
export class Link {
  socketId = '';
  readonly #needs: LinkNeeds;
  readonly #ears: LinkListener;
  readonly #pings = new Pings(() => void this.write('{"event":"pusher:ping","data":{}}'));
  #socket: WebSocket | undefined;
  #isOpen = false;
  #isClosed = false;
  #failures = 0;
  #retry: NodeJS.Timeout | undefined;
  #patience: NodeJS.Timeout | undefined;
  #pulse: NodeJS.Timeout | undefined;
  #heardAtMs = 0;
  #refusal: string | undefined;

  constructor(needs: LinkNeeds, ears: LinkListener) {
    this.#needs = needs;
    this.#ears = ears;
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** Time that the other side took to answer the last ping. */
  get lagMs(): number {
    return this.#pings.lagMs;
  }

  open(): void {
    if (this.#isClosed || this.#socket !== undefined) return;
    this.#retry = undefined;
    const turn = this.#needs.turn?.();
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

  /** False when it was not sent. */
  say(event: string, data: object, channel?: string): boolean {
    return this.write(JSON.stringify({ event, data, channel }));
  }

  write(text: string): boolean {
    if (!this.#isOpen || this.#socket?.readyState !== WebSocket.OPEN) return false;
    this.#socket.send(text);
    return true;
  }

  /** Calls back with the pong, before any later frame is heard; with false when the connection is lost. */
  ping(pong: Pong): void {
    if (this.#isOpen) this.#pings.ask(pong);
    else pong(false);
  }

  /** Resolves when everything that the other side had sent before it answered has been heard. */
  barrier(): Promise<boolean> {
    return new Promise((resolve) => this.ping(resolve));
  }

  #connect(done: () => void): void {
    if (this.#isClosed || this.#socket !== undefined) return done();
    const { upstream, key, limits } = this.#needs;
    const socket = dial(upstream, key, limits.handshakeMs);
    this.#socket = socket;
    this.#refusal = undefined;
    this.#patience = setTimeout(() => this.#ended(socket, 'no greeting in time'), limits.handshakeMs);
    socket.on('message', (message: Buffer) => {
      if (this.#socket === socket) this.#heard(message.toString('utf8'), socket);
    });
    socket.on('pong', () => (this.#heardAtMs = Date.now()));
    socket.on('error', (error) => this.#ended(socket, error.message));
    socket.on('close', (code, reason) => this.#ended(socket, `${code} ${reason.toString('utf8')}`.trim()));
    socket.once('open', done);
    socket.once('close', done);
  }

  #heard(text: string, socket: WebSocket): void {
    this.#heardAtMs = Date.now();
    const frame = readFrame(text);
    if (frame === undefined) return;
    if (frame.event === 'pusher:ping') this.write('{"event":"pusher:pong","data":{}}');
    else if (frame.event === 'pusher:pong') this.#pings.answered();
    else if (!this.#isOpen) this.#greeted(frame, socket);
    else this.#ears.frame(frame);
  }

  #greeted(frame: RemoteFrame, socket: WebSocket): void {
    const data = objectIn(frame.data);
    if (frame.event === 'pusher:error') {
      this.#refusal = `${String(data.code)} ${String(data.message)}`.slice(0, 200);
      return this.#ended(socket, this.#refusal);
    }
    if (frame.event !== 'pusher:connection_established' || typeof data.socket_id !== 'string') return;
    clearTimeout(this.#patience);
    this.socketId = data.socket_id;
    this.#isOpen = true;
    this.#failures = 0;
    this.#pulse = setInterval(() => this.#beat(socket), this.#needs.limits.pingMs);
    this.#pulse.unref();
    this.#ears.opened();
  }

  #beat(socket: WebSocket): void {
    const { pingMs, pongMs } = this.#needs.limits;
    const { waitedMs } = this.#pings;
    if (waitedMs !== undefined) {
      if (waitedMs > pongMs) this.#ended(socket, 'no pong in time');
    } else if (Date.now() - this.#heardAtMs >= pingMs / 2) this.ping(() => undefined);
  }

  #ended(socket: WebSocket, reason: string): void {
    if (this.#socket !== socket) return;
    const wasOpen = this.#isOpen;
    this.#socket = undefined;
    this.#isOpen = false;
    this.socketId = '';
    clearTimeout(this.#patience);
    clearInterval(this.#pulse);
    if (socket.readyState !== WebSocket.CLOSED && !this.#isClosed) socket.terminate();
    this.#pings.lost();
    if (wasOpen) this.#ears.lost();
    if (this.#isClosed) return;
    this.#ears.failed(this.#refusal ?? reason);
    this.#retry = setTimeout(() => this.open(), this.#pauseMs(wasOpen));
    this.#retry.unref();
  }

  /** The first attempt after a loss is made soon; later ones, and those after a refusal, take their time. */
  #pauseMs(wasOpen: boolean): number {
    const { reconnectFirstMs: firstMs, reconnectMostMs: mostMs } = this.#needs.limits;
    if (!wasOpen) this.#failures += 1;
    const retry = this.#refusal === undefined ? this.#failures : Infinity;
    return backoffMs(retry, { firstMs, mostMs, jitter: JITTER });
  }
}
