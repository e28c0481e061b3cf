/** The receiver of all measured servers: one path for each, which can ask its sender for a pause. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { eventually } from '../../../support/wire.ts';

interface Event {
  readonly name: string;
  readonly channel: string;
}

/** One path, and the events that arrived on it. */
export class Mailbox {
  readonly url: string;
  /** Called for each event when its request has arrived. */
  onEvent: (event: Event) => void = () => undefined;
  events = 0;
  requests = 0;
  refused = 0;
  #refusesUntilMs = 0;
  /** When the first and the last request after a pause came. */
  #firstMs = 0;
  #lastMs = 0;

  constructor(url: string) {
    this.url = url;
  }

  get isPaused(): boolean {
    return this.#firstMs === 0;
  }

  /** From the first to the last request after a pause. */
  get seconds(): number {
    return (this.#lastMs - this.#firstMs) / 1000;
  }

  /** Refuses the next request and asks to send nothing for this time. */
  pause(seconds: number): void {
    this.#firstMs = 0;
    this.#refusesUntilMs = performance.now() + seconds * 1000;
  }

  /** Resolves when this many events have arrived since there were `from`. */
  async arrived(from: number, count: number): Promise<void> {
    await eventually(() => this.events - from >= count, `${count} webhooks arrived`, 60_000);
  }

  receive(body: string, answer: ServerResponse): void {
    const nowMs = performance.now();
    if (nowMs < this.#refusesUntilMs) return this.#refuse(nowMs, answer);
    this.#firstMs ||= nowMs;
    this.#lastMs = nowMs;
    answer.end();
    const { events } = JSON.parse(body) as { readonly events: readonly Event[] };
    this.requests += 1;
    this.events += events.length;
    for (const event of events) this.onEvent(event);
  }

  #refuse(nowMs: number, answer: ServerResponse): void {
    this.refused += 1;
    const seconds = Math.ceil((this.#refusesUntilMs - nowMs) / 1000);
    answer.writeHead(429, { 'Retry-After': `${seconds}` }).end();
  }
}

export class Receiver {
  readonly #server = createServer((request, answer) => this.#receive(request, answer));
  readonly #mailboxes = new Map<string, Mailbox>();

  static async open(): Promise<Receiver> {
    const receiver = new Receiver();
    await new Promise<void>((resolve) => receiver.#server.listen(0, '127.0.0.1', resolve));
    return receiver;
  }

  /** Opens a path. */
  mailbox(): Mailbox {
    const path = `/${this.#mailboxes.size}`;
    const { port } = this.#server.address() as AddressInfo;
    const mailbox = new Mailbox(`http://127.0.0.1:${port}${path}`);
    this.#mailboxes.set(path, mailbox);
    return mailbox;
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  #receive(request: IncomingMessage, answer: ServerResponse): void {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () =>
      this.#mailboxes.get(request.url ?? '')?.receive(Buffer.concat(chunks).toString(), answer),
    );
  }
}
