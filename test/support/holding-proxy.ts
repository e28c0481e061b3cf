import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';

/** HTTP proxy that can collect responses as a buffering proxy does: it takes every byte of the server and passes none on. */
export class HoldingProxy {
  target: number;
  /** Bodies of the requests whose path ends with `/xhr_send`, in the order of their ends. */
  readonly sent: string[] = [];
  #isHolding = false;
  #held: (() => void)[] = [];
  readonly #sockets = new Set<Socket>();
  readonly #server = createServer((incoming, outgoing) => this.#forward(incoming, outgoing));

  constructor(target: number) {
    this.target = target;
    this.#server.on('connection', (socket) => {
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket));
    });
  }

  async listen(): Promise<number> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return (this.#server.address() as AddressInfo).port;
  }

  /** Collects all further bytes of responses but those to sent frames, and those to preflights, behind which a poll would wait. */
  hold(): void {
    this.#isHolding = true;
  }

  /** Ends all connections of clients; what was collected is lost, and what follows is passed on. */
  cut(): void {
    this.#held = [];
    this.#isHolding = false;
    for (const socket of this.#sockets) socket.destroy();
  }

  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.cut();
    await closed;
  }

  #pass(step: () => void): void {
    if (this.#isHolding) this.#held.push(step);
    else step();
  }

  #forward(incoming: IncomingMessage, outgoing: ServerResponse): void {
    const { method = 'GET', url = '/', headers } = incoming;
    const upstream = request(
      { host: '127.0.0.1', port: this.target, method, path: url, headers },
      (response) => {
        const isPassed = method === 'OPTIONS' || /\/xhr_send\b/.test(url);
        const pass = isPassed ? (step: () => void) => step() : (step: () => void) => this.#pass(step);
        pass(() => outgoing.writeHead(response.statusCode ?? 502, response.headers));
        pass(() => outgoing.flushHeaders());
        response.on('data', (bytes: Buffer) => pass(() => outgoing.write(bytes)));
        response.on('end', () => pass(() => outgoing.end()));
        response.on('error', () => outgoing.destroy());
      },
    );
    let body = '';
    incoming.on('data', (bytes: Buffer) => {
      body += bytes.toString();
      upstream.write(bytes);
    });
    incoming.on('end', () => {
      if (/\/xhr_send\b/.test(url)) this.sent.push(body);
      upstream.end();
    });
    outgoing.on('close', () => upstream.destroy());
    upstream.on('error', () => outgoing.destroy());
  }
}
