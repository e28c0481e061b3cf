import { Agent, request } from 'node:http';
import { signHttp } from '#protocol';
import type { MeasuredApp } from './messages.ts';

const TIMEOUT_MS = 10_000;

/** The application of the measurement: publishes signed events over connections that stay open. */
export class Publisher {
  readonly #app: MeasuredApp;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 64 });
  readonly #data: string;

  constructor(app: MeasuredApp, payloadBytes: number) {
    this.#app = app;
    this.#data = 'x'.repeat(payloadBytes);
  }

  /** Bytes of the WebSocket frame in which a subscriber receives the event. */
  frameBytes(channel: string): number {
    const { length } = JSON.stringify({ event: 'capacity', channel, data: this.#data });
    return length + (length < 126 ? 2 : length < 65_536 ? 4 : 10);
  }

  /** Publishes one event. Rejects if the server does not take it. */
  publish(channel: string): Promise<void> {
    const { id, port } = this.#app;
    const path = `/apps/${id}/events`;
    const body = JSON.stringify({ name: 'capacity', channel, data: this.#data });
    const query = signHttp(this.#app, {
      method: 'POST',
      path,
      body,
      timestampSeconds: Math.floor(Date.now() / 1000),
    });
    return new Promise((resolve, reject) => {
      const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
      const options = {
        host: '127.0.0.1',
        port,
        method: 'POST',
        agent: this.#agent,
        headers,
        timeout: TIMEOUT_MS,
      };
      const sent = request({ ...options, path: `${path}?${query}` }, (answer) => {
        answer.resume().on('error', reject);
        answer.on('end', () =>
          answer.statusCode === 200
            ? resolve()
            : reject(new Error(`The server that is measured answered with ${answer.statusCode}`)),
        );
      });
      sent.on('timeout', () => sent.destroy(new Error('The server that is measured did not answer')));
      sent.on('error', reject);
      sent.end(body);
    });
  }

  close(): void {
    this.#agent.destroy();
  }
}
