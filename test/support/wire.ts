import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import WebSocket from 'ws';
import { FallbackSocket, type FallbackTransport } from './fallback-socket.ts';
import { LIMIT_MS } from './limit.ts';
import { sleep } from '../../src/core/util/time.ts';

/** One protocol message, decoded and otherwise unchanged. */
export interface Frame {
  readonly event?: unknown;
  readonly data?: unknown;
  readonly channel?: unknown;
  readonly user_id?: unknown;
  readonly [key: string]: unknown;
}

export interface Closing {
  readonly code: number;
  readonly reason: string;
}

export interface Address {
  readonly host: string;
  readonly port: number;
  /** How clients connect; not given: over WebSocket. */
  readonly transport?: FallbackTransport | undefined;
}

export interface WireOptions {
  readonly headers?: Record<string, string>;
  readonly origin?: string;
  readonly subprotocols?: string[];
  readonly compress?: boolean;
  /** False: the client never answers control pings, like a peer whose host is down. */
  readonly autoPong?: boolean;
}

/** Selects the pending frame that `next` takes: by event name, or by a predicate. */
export type Wanted = string | ((frame: Frame) => boolean);

/** HTTP answer to a WebSocket upgrade that the server refused. */
export class UpgradeRefused extends Error {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
  constructor(status: number, headers: IncomingMessage['headers'], body: string) {
    super(`the upgrade was answered with HTTP ${status}: ${body}`);
    this.status = status;
    this.headers = headers;
    this.body = body;
  }
}

const describeWanted = (wanted: Wanted) =>
  typeof wanted === 'string' ? wanted : `a frame where ${wanted.toString()}`;
const matches = (frame: Frame, wanted: Wanted) =>
  typeof wanted === 'string' ? frame.event === wanted : wanted(frame);

/** Decodes a message without validation; text that is not a JSON object becomes `{ undecodable: text }`. */
const decode = (text: string): Frame => {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Frame;
  } catch {
    // Not JSON: returned below as undecodable, so that the test can show it.
  }
  return { undecodable: text };
};

/**
 * Raw Pusher client: sends messages unchanged and queues every received frame until the test takes it.
 * `settle` uses a ping and its pong as a barrier, so that a test for "nothing was received" does not have to sleep.
 */
export class Wire {
  /** Every text message since the connection opened, undecoded. */
  readonly texts: string[] = [];
  /** Payloads of control pings and pongs in order of arrival. */
  readonly pings: string[] = [];
  readonly pongs: string[] = [];
  readonly closed: Promise<Closing>;
  readonly socket: WebSocket;
  socketId = '';
  ended: Closing | undefined;
  #pending: Frame[] = [];
  readonly #wakers = new Set<() => void>();

  constructor(socket: WebSocket) {
    this.socket = socket;
    socket.on('message', (data: Buffer) => {
      const text = data.toString('utf8');
      this.texts.push(text);
      this.#pending.push(decode(text));
      this.#wake();
    });
    socket.on('ping', (payload: Buffer) => this.#record(this.pings, payload));
    socket.on('pong', (payload: Buffer) => this.#record(this.pongs, payload));
    socket.on('error', () => undefined);
    this.closed = new Promise((resolve) => {
      socket.on('close', (code, reason) => {
        this.ended = { code, reason: reason.toString('utf8') };
        resolve(this.ended);
        this.#wake();
      });
    });
  }

  /** Opens a connection. A WebSocket: rejects with `UpgradeRefused` if the server answers with another status than 101. */
  static open(address: Address, path: string, options: WireOptions = {}): Promise<Wire> {
    if (address.transport !== undefined) return openFallback(address, path, address.transport, options);
    const socket = new WebSocket(`ws://${address.host}:${address.port}${path}`, options.subprotocols ?? [], {
      perMessageDeflate: options.compress ?? false,
      autoPong: options.autoPong ?? true,
      handshakeTimeout: 15_000,
      ...(options.headers && { headers: options.headers }),
      ...(options.origin !== undefined && { origin: options.origin }),
    });
    const wire = new Wire(socket);
    return new Promise((resolve, reject) => {
      socket.once('open', () => resolve(wire));
      socket.once('error', reject);
      socket.once('unexpected-response', (_request, response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('close', () => {
          const body = Buffer.concat(chunks).toString('utf8');
          reject(new UpgradeRefused(response.statusCode ?? 0, response.headers, body));
        });
      });
    });
  }

  /** Sends a string unchanged, any other value as JSON. */
  send(message: unknown): void {
    this.socket.send(typeof message === 'string' ? message : JSON.stringify(message));
  }

  sendBinary(bytes: Uint8Array): void {
    this.socket.send(bytes, { binary: true });
  }

  /** Takes the oldest pending frame, of any event. */
  first(limitMs = LIMIT_MS): Promise<Frame> {
    return this.next(() => true, limitMs);
  }

  /** Takes the oldest pending frame that matches. Rejects at the time limit or when the socket closes. */
  async next(wanted: Wanted, limitMs = LIMIT_MS): Promise<Frame> {
    let index = -1;
    await this.until(
      () => {
        index = this.#pending.findIndex((frame) => matches(frame, wanted));
        return index >= 0;
      },
      () => describeWanted(wanted),
      limitMs,
    );
    return this.#pending.splice(index, 1)[0]!;
  }

  /** Waits for a condition on this client; checks it after every received frame. */
  async until(
    holds: () => boolean,
    what: () => string = () => 'a condition',
    limitMs = LIMIT_MS,
  ): Promise<void> {
    const deadline = Date.now() + limitMs;
    while (!holds()) {
      if (this.ended)
        throw new Error(
          `closed with ${this.#closingText()} while waiting for ${what()}${this.#pendingText()}`,
        );
      if (Date.now() >= deadline) throw new Error(`no ${what()} within ${limitMs} ms${this.#pendingText()}`);
      await this.#nextChange(deadline - Date.now());
    }
  }

  /** Barrier: sends a ping, waits for its pong, and takes every frame that was received before it. */
  async settle(limitMs = LIMIT_MS): Promise<Frame[]> {
    this.send({ event: 'pusher:ping', data: {} });
    await this.until(
      () => this.#pending.some(({ event }) => event === 'pusher:pong'),
      () => 'pusher:pong',
      limitMs,
    );
    const index = this.#pending.findIndex(({ event }) => event === 'pusher:pong');
    const before = this.#pending.splice(0, index);
    this.#pending.shift();
    return before;
  }

  /** Frames that were received and not taken yet. */
  get pending(): readonly Frame[] {
    return this.#pending;
  }

  /** Waits until the socket is closed, then takes all pending frames. */
  async rest(limitMs = LIMIT_MS): Promise<{ frames: Frame[]; closing: Closing }> {
    const closing = await this.closing(limitMs);
    return { frames: this.#pending.splice(0), closing };
  }

  /** Waits until the socket is closed, by either end. */
  async closing(limitMs = LIMIT_MS): Promise<Closing> {
    let timer: NodeJS.Timeout | undefined;
    const timeout = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(
        () => reject(new Error(`not closed within ${limitMs} ms${this.#pendingText()}`)),
        limitMs,
      );
    });
    return Promise.race([this.closed, timeout]).finally(() => clearTimeout(timer));
  }

  /** Closes with a close frame and waits for the close. */
  async close(code = 1000): Promise<Closing> {
    if (this.socket.readyState <= WebSocket.OPEN) this.socket.close(code);
    return this.closing().catch(() => {
      this.socket.terminate();
      return this.closed;
    });
  }

  /** Destroys the TCP connection without a close frame. */
  drop(): void {
    this.socket.terminate();
  }

  #record(list: string[], payload: Buffer): void {
    list.push(payload.toString('utf8'));
    this.#wake();
  }

  #wake(): void {
    for (const waker of [...this.#wakers]) waker();
  }

  #nextChange(limitMs: number): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer);
        this.#wakers.delete(done);
        resolve();
      };
      const timer = setTimeout(done, Math.max(1, limitMs));
      this.#wakers.add(done);
    });
  }

  #closingText(): string {
    return `${this.ended?.code ?? 0} "${this.ended?.reason ?? ''}"`;
  }

  #pendingText(): string {
    return this.#pending.length
      ? `; pending: ${JSON.stringify(this.#pending).slice(0, 600)}`
      : '; nothing pending';
  }
}

/** Opens a session of the HTTP fallback, as soon as its first line has arrived. */
async function openFallback(
  address: Address,
  path: string,
  transport: FallbackTransport,
  options: WireOptions,
): Promise<Wire> {
  const socket = new FallbackSocket(address, path, transport, options);
  const wire = new Wire(socket as unknown as WebSocket);
  await Promise.race([once(socket, 'open'), wire.closed]);
  if (!socket.hasOpened) throw new Error(`the session was not opened: ${wire.ended?.reason ?? ''}`);
  return wire;
}

/** Decodes double-encoded data; undefined if it is not a string with JSON. */
export const dataOf = (frame: Frame): unknown => {
  if (typeof frame.data !== 'string') return undefined;
  try {
    return JSON.parse(frame.data) as unknown;
  } catch {
    return undefined;
  }
};

/** Polls until `holds` returns true; for conditions that no message of the protocol announces. */
export const eventually = async (
  holds: () => boolean | Promise<boolean>,
  what: string | (() => string),
  limitMs = LIMIT_MS,
): Promise<void> => {
  const deadline = Date.now() + limitMs;
  while (!(await holds())) {
    if (Date.now() >= deadline)
      throw new Error(`not within ${limitMs} ms: ${typeof what === 'string' ? what : what()}`);
    await sleep(15);
  }
};
