import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';

/** Opener of a connection, known by the head of its first request. */
export type Origin = 'bridge' | 'front-door' | 'request';

class ProxiedConnection {
  origin: Origin | undefined;
  readonly #client: Socket;
  readonly #upstream: Socket;
  readonly #queue: { bytes: Buffer | undefined; dueMs: number }[] = [];
  #timer: NodeJS.Timeout | undefined;

  constructor(
    client: Socket,
    port: number,
    delayMs: () => number,
    answer: (head: string, origin: Origin) => string,
  ) {
    this.#client = client;
    this.#upstream = connect(port, '127.0.0.1');
    for (const socket of [client, this.#upstream]) {
      socket.setNoDelay(true);
      socket.on('error', () => undefined);
    }
    let head = '';
    client.on('data', (bytes: Buffer) => {
      if (this.origin === undefined) {
        head += bytes.toString('latin1');
        this.origin = originOf(head);
        const instead = this.origin === undefined ? '' : answer(head, this.origin);
        if (instead !== '') return void client.end(instead);
      }
      this.#upstream.write(bytes);
    });
    this.#upstream.on('data', (bytes: Buffer) => this.#push(bytes, delayMs()));
    this.#upstream.on('end', () => this.#push(undefined, delayMs()));
    this.#upstream.on('close', () => this.#push(undefined, delayMs()));
    client.on('close', () => this.#upstream.destroy());
    client.on('end', () => this.#upstream.end());
  }

  onClose(listener: () => void): void {
    this.#client.once('close', listener);
  }

  cut(): void {
    this.#client.resetAndDestroy();
    this.#upstream.destroy();
  }

  /** Queues bytes of the upstream, which are sent in order and each after its delay. */
  #push(bytes: Buffer | undefined, delayMs: number): void {
    this.#queue.push({ bytes, dueMs: performance.now() + delayMs });
    if (this.#queue.length === 1) this.#drain();
  }

  #drain(): void {
    for (;;) {
      const [first] = this.#queue;
      if (first === undefined || this.#timer !== undefined) return;
      const waitMs = first.dueMs - performance.now();
      if (waitMs > 0.5) {
        this.#timer = setTimeout(() => {
          this.#timer = undefined;
          this.#drain();
        }, waitMs);
        return;
      }
      this.#queue.shift();
      if (first.bytes === undefined) this.#client.end();
      else this.#client.write(first.bytes);
    }
  }
}

const originOf = (head: string): Origin | undefined => {
  if (!head.includes('\r\n\r\n')) return undefined;
  if (!/^upgrade:/im.test(head)) return 'request';
  return /^x-forwarded-for:/im.test(head) ? 'front-door' : 'bridge';
};

/**
 * TCP proxy before the upstream; its address is WAVEHALL_CUTOVER_UPSTREAM. Passes everything on unchanged, until a test
 * makes it delay, answer requests itself, refuse, or cut connections: the same faults with every kind of upstream.
 */
export class UpstreamProxy {
  /** Delay of every byte that the upstream sends. */
  delayMs = 0;
  readonly #server: Server;
  readonly #connections = new Set<ProxiedConnection>();
  readonly #targetPort: number;
  #status: number | undefined;
  #port = 0;

  private constructor(targetPort: number) {
    this.#targetPort = targetPort;
    this.#server = createServer((socket) => {
      const connection = new ProxiedConnection(
        socket,
        this.#targetPort,
        () => this.delayMs,
        (_head, origin) => (origin === 'request' ? this.#answerInstead() : ''),
      );
      this.#connections.add(connection);
      connection.onClose(() => this.#connections.delete(connection));
    });
  }

  static async open(targetPort: number): Promise<UpstreamProxy> {
    const proxy = new UpstreamProxy(targetPort);
    await proxy.accept();
    return proxy;
  }

  get port(): number {
    return this.#port;
  }

  /** Open connections of one kind. */
  count(origin: Origin): number {
    return [...this.#connections].filter((connection) => connection.origin === origin).length;
  }

  /** Resets the oldest connection of a kind. */
  cutOldest(origin: Origin): void {
    [...this.#connections].find((connection) => connection.origin === origin)?.cut();
  }

  /** Answers every request with this status in place of the upstream; `undefined`: no longer. */
  failRequests(status: number | undefined): void {
    this.#status = status;
    if (status !== undefined) this.cut('request');
  }

  /** Resets all connections, or those of one kind, once. */
  cut(origin?: Origin): void {
    for (const connection of [...this.#connections])
      if (origin === undefined || connection.origin === origin) connection.cut();
  }

  /** Stops listening and destroys every open connection. */
  async refuse(): Promise<void> {
    if (!this.#server.listening) return;
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.cut();
    await closed;
  }

  /** Listens, again on the same port. */
  async accept(): Promise<void> {
    if (this.#server.listening) return;
    this.#server.listen(this.#port, '127.0.0.1');
    await once(this.#server, 'listening');
    this.#port = (this.#server.address() as { port: number }).port;
  }

  /** Ends every fault: no delay, no failed requests, connections accepted. */
  async restore(): Promise<void> {
    this.delayMs = 0;
    this.failRequests(undefined);
    await this.accept();
  }

  #answerInstead(): string {
    if (this.#status === undefined) return '';
    return `HTTP/1.1 ${this.#status} Internal Server Error\r\nConnection: close\r\n\r\nInternal server error.`;
  }
}
