import { createServer, request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

/** HTTP proxy that can lose answers: the server handles the request, and the client's connection breaks. */
export class AnswerlessProxy {
  /** Statuses of the server's answers to POST, those that were lost too, and the keys that came with the requests. */
  readonly statuses: number[] = [];
  readonly keys: (string | undefined)[] = [];
  readonly #server: Server;
  #toDrop = 0;

  private constructor(port: number) {
    this.#server = createServer((incoming, outgoing) => {
      const { method, url, headers } = incoming;
      const forwarded = request(
        { host: '127.0.0.1', port, method, path: url, headers, agent: false },
        (answer) => {
          const status = answer.statusCode ?? 0;
          if (method === 'POST') this.statuses.push(status);
          if (method === 'POST' && status === 200) this.keys.push(headers['idempotency-key']?.toString());
          if (method === 'POST' && status === 200 && this.#toDrop > 0) {
            this.#toDrop -= 1;
            answer.resume();
            incoming.socket.destroy();
            return;
          }
          outgoing.writeHead(status, answer.headers);
          answer.pipe(outgoing);
        },
      );
      forwarded.on('error', () => incoming.socket.destroy());
      incoming.pipe(forwarded);
    });
  }

  static async open(port: number): Promise<AnswerlessProxy> {
    const proxy = new AnswerlessProxy(port);
    await new Promise<void>((resolve) => proxy.#server.listen(0, '127.0.0.1', resolve));
    return proxy;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Loses the next answers with 200 to POST. */
  dropAnswers(count: number): void {
    this.#toDrop = count;
  }

  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#server.closeAllConnections();
    await closed;
  }
}
