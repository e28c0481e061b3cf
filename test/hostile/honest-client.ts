import { once } from 'node:events';
import WebSocket from 'ws';
import type { Target } from './target.ts';
import { sleep } from '../../src/core/util/time.ts';

const PING_EVERY_MS = 50;
const PING = JSON.stringify({ event: 'pusher:ping', data: {} });

/** An honest client that pings all the time: the time until its pongs shows how much an attack delays other clients. */
export class HonestClient {
  longestPingMs = 0;
  /** The server closed it, which no attack may bring about. */
  wasClosed = false;
  readonly #socket: WebSocket;
  #sentAtMs = 0;
  #timer: NodeJS.Timeout | undefined;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.on('message', (data: Buffer) => this.#received(data.toString()));
    socket.on('close', () => (this.wasClosed = true));
    socket.on('error', () => undefined);
  }

  static async open({ host, port, prefix, key }: Target): Promise<HonestClient> {
    const socket = new WebSocket(`ws://${host}:${port}${prefix}/app/${key}?protocol=7`);
    await once(socket, 'open');
    const honestClient = new HonestClient(socket);
    honestClient.#ping();
    return honestClient;
  }

  /** Waits for the pong that is under way, so that a stall at the end of an attack counts too. */
  async close(limitMs: number): Promise<void> {
    const until = Date.now() + limitMs;
    while (this.#sentAtMs > 0 && !this.wasClosed && Date.now() < until) await sleep(10);
    clearTimeout(this.#timer);
    this.#count();
    this.#socket.removeAllListeners('close');
    this.#socket.close();
  }

  #ping(): void {
    this.#sentAtMs = performance.now();
    this.#socket.send(PING);
  }

  #received(text: string): void {
    if (!text.includes('pusher:pong')) return;
    this.#count();
    this.#timer = setTimeout(() => this.#ping(), PING_EVERY_MS);
  }

  #count(): void {
    if (this.#sentAtMs > 0)
      this.longestPingMs = Math.max(this.longestPingMs, performance.now() - this.#sentAtMs);
    this.#sentAtMs = 0;
  }
}
