import { once } from 'node:events';
import WebSocket from 'ws';
import type { Target } from './target.ts';
import { sleep } from '../../src/core/util/time.ts';

const PING_EVERY_MS = 50;
const PING = JSON.stringify({ event: 'pusher:ping', data: {} });

/** An honest client that keeps pinging: the time until each pong shows how much an attack delays other clients. */
export class HonestClient {
  longestPingMs = 0;
  /** True if the server closed it, which no attack may cause. */
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

  /** Waits for the outstanding pong first, so that a stall at the end of an attack is measured too. */
  async close(limitMs: number): Promise<void> {
    const until = Date.now() + limitMs;
    while (this.#sentAtMs > 0 && !this.wasClosed && Date.now() < until) await sleep(10);
    clearTimeout(this.#timer);
    this.#measure();
    this.#socket.removeAllListeners('close');
    this.#socket.close();
  }

  #ping(): void {
    this.#sentAtMs = performance.now();
    this.#socket.send(PING);
  }

  #received(text: string): void {
    if (!text.includes('pusher:pong')) return;
    this.#measure();
    this.#timer = setTimeout(() => this.#ping(), PING_EVERY_MS);
  }

  #measure(): void {
    if (this.#sentAtMs > 0)
      this.longestPingMs = Math.max(this.longestPingMs, performance.now() - this.#sentAtMs);
    this.#sentAtMs = 0;
  }
}
