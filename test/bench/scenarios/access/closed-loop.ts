/** Requests over kept connections, each sent as soon as the one before it on its connection is answered. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { sleep } from '../../../../src/core/util/time.ts';
import type { Address } from '../../../support/wire.ts';

/** Returns the text of the next request. */
export type NextRequest = () => string;

export interface LoopOptions {
  readonly connections: number;
  readonly seconds: number;
  /** Read when the measured interval begins and when it ends. */
  readonly readUs: () => readonly number[];
}

export interface LoopResult {
  /** Requests that were sent, those before and after the measured interval included. */
  readonly sent: number;
  /** Times of the requests that were answered in the measured interval. */
  readonly timesMs: readonly number[];
  readonly seconds: number;
  /** Growth of what `readUs` returns. */
  readonly us: readonly number[];
}

const WARM_MS = 200;

/** Sends requests until the interval has ended, and waits for their answers. Rejects if one is not answered with 200. */
export async function closedLoop(
  address: Address,
  next: NextRequest,
  { connections: count, seconds, readUs }: LoopOptions,
): Promise<LoopResult> {
  const connections = await Promise.all(Array.from({ length: count }, () => HttpConnection.open(address)));
  const loop = new Loop(next);
  const sending = Promise.all(connections.map((connection) => loop.keepSending(connection)));
  try {
    const measured = await Promise.race([measure(loop, seconds, readUs), failure(sending)]);
    loop.stop();
    await sending;
    return { ...measured, sent: loop.sent };
  } finally {
    loop.stop();
    for (const connection of connections) connection.close();
  }
}

async function measure(
  loop: Loop,
  seconds: number,
  readUs: LoopOptions['readUs'],
): Promise<Omit<LoopResult, 'sent'>> {
  await sleep(WARM_MS);
  loop.timesMs = [];
  const [beganMs, before] = [performance.now(), readUs()];
  await sleep(seconds * 1000);
  const after = readUs();
  const [endedMs, timesMs] = [performance.now(), loop.timesMs];
  loop.timesMs = [];
  return {
    timesMs,
    seconds: (endedMs - beganMs) / 1000,
    us: after.map((us, at) => us - (before[at] ?? 0)),
  };
}

/** Rejects when the task fails, and never resolves. */
const failure = (task: Promise<unknown>): Promise<never> =>
  new Promise((_, reject) => void task.catch(reject));

class Loop {
  timesMs: number[] = [];
  sent = 0;
  readonly #next: NextRequest;
  #isStopped = false;

  constructor(next: NextRequest) {
    this.#next = next;
  }

  stop(): void {
    this.#isStopped = true;
  }

  async keepSending(connection: HttpConnection): Promise<void> {
    while (!this.#isStopped) {
      const beganMs = performance.now();
      this.sent += 1;
      const { status, text } = await connection.ask(this.#next());
      if (status !== 200) throw new Error(`a request was answered with ${text.slice(0, 200)}`);
      this.timesMs.push(performance.now() - beganMs);
    }
  }
}

interface TextAnswer {
  readonly status: number;
  /** Head and body. */
  readonly text: string;
}

/** A kept connection with one request at a time. Reads only answers that say their length. */
export class HttpConnection {
  readonly #socket: Socket;
  #text = '';
  #waiting: { resolve(answer: TextAnswer): void; reject(error: Error): void } | undefined;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('data', (chunk) => this.#read(chunk.toString('latin1')));
    socket.on('error', () => undefined);
    socket.on('close', () => this.#waiting?.reject(new Error('a connection was closed')));
  }

  static async open({ host, port }: Address): Promise<HttpConnection> {
    const socket = connect({ host, port, noDelay: true });
    await once(socket, 'connect');
    return new HttpConnection(socket);
  }

  ask(request: string): Promise<TextAnswer> {
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject };
      this.#socket.write(request, 'latin1');
    });
  }

  close(): void {
    this.#waiting = undefined;
    this.#socket.destroy();
  }

  #read(chunk: string): void {
    this.#text += chunk;
    const headEnd = this.#text.indexOf('\r\n\r\n');
    if (headEnd < 0) return;
    const length = /\r\ncontent-length: *(\d+)/i.exec(this.#text.slice(0, headEnd))?.[1];
    if (length === undefined) return this.#waiting?.reject(new Error(`no length in ${this.#text}`));
    if (this.#text.length < headEnd + 4 + Number(length)) return;
    const answer = { status: Number(this.#text.slice(9, 12)), text: this.#text };
    this.#text = '';
    this.#waiting?.resolve(answer);
  }
}
