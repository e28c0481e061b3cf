import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';

/** Opener of a connection, known by the head of its first request. */
export type Origin = 'bridge' | 'front-door' | 'request';

class Pair {
  origin: Origin | undefined;
  readonly #near: Socket;
  readonly #far: Socket;
  readonly #late: { bytes: Buffer | undefined; dueMs: number }[] = [];
  #timer: NodeJS.Timeout | undefined;

  constructor(
    near: Socket,
    port: number,
    delayMs: () => number,
    answer: (head: string, origin: Origin) => string,
  ) {
    this.#near = near;
    this.#far = connect(port, '127.0.0.1');
    for (const socket of [near, this.#far]) {
      socket.setNoDelay(true);
      socket.on('error', () => undefined);
    }
    let head = '';
    near.on('data', (bytes: Buffer) => {
      if (this.origin === undefined) {
        head += bytes.toString('latin1');
        this.origin = originOf(head);
        const instead = this.origin === undefined ? '' : answer(head, this.origin);
        if (instead !== '') return void near.end(instead);
      }
      this.#far.write(bytes);
    });
    this.#far.on('data', (bytes: Buffer) => this.#push(bytes, delayMs()));
    this.#far.on('end', () => this.#push(undefined, delayMs()));
    this.#far.on('close', () => this.#push(undefined, delayMs()));
    near.on('close', () => this.#far.destroy());
    near.on('end', () => this.#far.end());
  }

  onClose(listener: () => void): void {
    this.#near.once('close', listener);
  }

  cut(): void {
    this.#near.resetAndDestroy();
    this.#far.destroy();
  }

  /** Answers keep their order, each not before its time. */
  #push(bytes: Buffer | undefined, delayMs: number): void {
    this.#late.push({ bytes, dueMs: performance.now() + delayMs });
    if (this.#late.length === 1) this.#drain();
  }

  #drain(): void {
    for (;;) {
      const [first] = this.#late;
      if (first === undefined || this.#timer !== undefined) return;
      const waitMs = first.dueMs - performance.now();
      if (waitMs > 0.5) {
        this.#timer = setTimeout(() => {
          this.#timer = undefined;
          this.#drain();
        }, waitMs);
        return;
      }
      this.#late.shift();
      if (first.bytes === undefined) this.#near.end();
      else this.#near.write(first.bytes);
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
  /** Delay of everything that comes back. */
  delayMs = 0;
  readonly #server: Server;
  readonly #pairs = new Set<Pair>();
  readonly #targetPort: number;
  #status: number | undefined;
  #port = 0;

  private constructor(targetPort: number) {
    this.#targetPort = targetPort;
    this.#server = createServer((socket) => {
      const pair = new Pair(
        socket,
        this.#targetPort,
        () => this.delayMs,
        (_head, origin) => (origin === 'request' ? this.#answerInstead() : ''),
      );
      this.#pairs.add(pair);
      pair.onClose(() => this.#pairs.delete(pair));
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
    return [...this.#pairs].filter((pair) => pair.origin === origin).length;
  }

  /** Resets the oldest connection of a kind. */
  cutOldest(origin: Origin): void {
    [...this.#pairs].find((pair) => pair.origin === origin)?.cut();
  }

  /** Answers every request with this status in place of the upstream; `undefined`: no longer. */
  failRequests(status: number | undefined): void {
    this.#status = status;
    if (status !== undefined) this.cut('request');
  }

  /** Resets all connections, or those of one kind, once. */
  cut(origin?: Origin): void {
    for (const pair of [...this.#pairs]) if (origin === undefined || pair.origin === origin) pair.cut();
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

  async heal(): Promise<void> {
    this.delayMs = 0;
    this.failRequests(undefined);
    await this.accept();
  }

  #answerInstead(): string {
    if (this.#status === undefined) return '';
    return `HTTP/1.1 ${this.#status} Internal Server Error\r\nConnection: close\r\n\r\nInternal server error.`;
  }
}
