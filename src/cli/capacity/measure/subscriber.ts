import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import type { MeasuredApp } from './messages.ts';

export const CHANNEL = 'capacity';
const TIMEOUT_MS = 10_000;

const upgrade = ({ key, port }: MeasuredApp): string =>
  [
    `GET /app/${key}?protocol=7&client=capacity HTTP/1.1`,
    `Host: 127.0.0.1:${port}`,
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Version: 13',
    'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
    '\r\n',
  ].join('\r\n');

/** A client's text frame of fewer than 126 bytes, masked with zeros. */
function textFrame(text: string): Buffer {
  const payload = Buffer.from(text);
  return Buffer.concat([Buffer.from([0x81, 0x80 | payload.length, 0, 0, 0, 0]), payload]);
}

const SUBSCRIBE = textFrame(`{"event":"pusher:subscribe","data":{"channel":"${CHANNEL}"}}`);

/** One WebSocket of the measurement, subscribed to the channel; it only reports how many bytes it receives. */
export class Subscriber {
  readonly #socket: Socket;
  /** Receives the number of bytes of each read. */
  onBytes: (count: number) => void = () => undefined;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('data', (bytes) => this.onBytes(bytes.length));
  }

  /** Connects and subscribes. Rejects if the server refuses or does not answer in time. */
  static async open(app: MeasuredApp): Promise<Subscriber> {
    const socket = connect({ host: '127.0.0.1', port: app.port, noDelay: true });
    try {
      await once(socket, 'connect', { signal: AbortSignal.timeout(TIMEOUT_MS) });
      socket.write(upgrade(app));
      await textOf(socket, 'pusher:connection_established');
      socket.write(SUBSCRIBE);
      await textOf(socket, 'subscription_succeeded');
      socket.on('error', () => undefined);
      return new Subscriber(socket);
    } catch (error) {
      socket.on('error', () => undefined);
      socket.destroy();
      throw error;
    }
  }

  close(): void {
    this.#socket.resetAndDestroy();
  }
}

/** Resolves when the server has sent this text. */
function textOf(socket: Socket, text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    let received = '';
    const end = (error?: Error): void => {
      clearTimeout(timeout);
      socket.off('data', read).off('error', end).off('close', closed);
      if (error === undefined) resolve();
      else reject(error);
    };
    const closed = (): void => end(new Error('The server that is measured closed a connection'));
    const read = (bytes: Buffer): void => {
      received += bytes.toString('latin1');
      if (received.includes(text)) end();
    };
    const timeout = setTimeout(
      () => end(new Error(`The server that is measured sent no ${text}`)),
      TIMEOUT_MS,
    );
    socket.on('data', read).on('error', end).on('close', closed);
  });
}
