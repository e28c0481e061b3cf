import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { Address } from './wire.ts';

export interface RawAnswer {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** One HTTP answer off the front of `bytes`; without a length, all that came. */
const takeAnswer = (bytes: Buffer): [RawAnswer, Buffer] | undefined => {
  const end = bytes.indexOf('\r\n\r\n');
  if (end < 0) return undefined;
  const [line = '', ...lines] = bytes.subarray(0, end).toString('latin1').split('\r\n');
  const headers = Object.fromEntries(
    lines.map((each) => [each.split(':', 1)[0]!.toLowerCase(), each.slice(each.indexOf(':') + 1).trim()]),
  );
  const length = Number(headers['content-length'] ?? 0);
  const whole = end + 4 + length;
  if (bytes.length < whole) return undefined;
  const body = bytes.subarray(end + 4, whole).toString();
  return [{ status: Number(line.split(' ')[1]), headers, body }, bytes.subarray(whole)];
};

/** A connection over which a test writes HTTP as badly as it wants, and reads answers one by one. */
export class RawHttp {
  readonly socket: Socket;
  isEnded = false;
  #bytes: Buffer = Buffer.alloc(0);
  #wake = (): void => undefined;

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on('data', (chunk: Buffer) => {
      this.#bytes = Buffer.concat([this.#bytes, chunk]);
      this.#wake();
    });
    socket.on('error', () => undefined);
    for (const event of ['end', 'close'])
      socket.on(event, () => {
        this.isEnded = true;
        this.#wake();
      });
  }

  static async open({ host, port }: Address): Promise<RawHttp> {
    const socket = connect({ host, port, noDelay: true });
    await once(socket, 'connect');
    return new RawHttp(socket);
  }

  static async openTls({ host, port }: Address): Promise<RawHttp> {
    const socket = connectTls({ host, port, rejectUnauthorized: false });
    await once(socket, 'secureConnect');
    return new RawHttp(socket);
  }

  write(bytes: string | Buffer): void {
    if (!this.socket.destroyed) this.socket.write(bytes);
  }

  /** The next answer; `undefined` when the server ended the connection before one was whole. */
  async answer(limitMs = 5_000): Promise<RawAnswer | undefined> {
    const deadline = Date.now() + limitMs;
    for (;;) {
      const taken = takeAnswer(this.#bytes);
      if (taken !== undefined) {
        this.#bytes = taken[1];
        return taken[0];
      }
      if (this.isEnded) return undefined;
      await this.#change(deadline, 'answer');
    }
  }

  /** So many answers, in their order. */
  async answers(count: number): Promise<(RawAnswer | undefined)[]> {
    const all: (RawAnswer | undefined)[] = [];
    while (all.length < count) all.push(await this.answer());
    return all;
  }

  /** The end of the connection, and what came before it that was not taken. */
  async end(limitMs = 5_000): Promise<string> {
    const deadline = Date.now() + limitMs;
    while (!this.isEnded) await this.#change(deadline, 'end of the connection');
    return this.#bytes.toString();
  }

  /** Received text that was not read yet. */
  get received(): string {
    return this.#bytes.toString('latin1');
  }

  destroy(): void {
    this.socket.destroy();
  }

  async #change(deadline: number, what: string): Promise<void> {
    const left = deadline - Date.now();
    if (left <= 0) throw new Error(`no ${what} in time; received ${this.#bytes.toString('latin1', 0, 500)}`);
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, left);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}

/** The text of a request; a body gets its length unless the headers say how it is framed. */
export const requestText = (
  line: string,
  headers: readonly string[] = [],
  body: string | Buffer = '',
): Buffer => {
  const bytes = Buffer.from(body as string);
  const isFramed = headers.some((each) => /^(content-length|transfer-encoding):/i.test(each));
  const framing = bytes.length > 0 && !isFramed ? [`Content-Length: ${bytes.length}`] : [];
  const host = headers.some((each) => /^host:/i.test(each)) ? [] : ['Host: localhost'];
  const head = [`${line} HTTP/1.1`, ...host, ...headers, ...framing, '', ''].join('\r\n');
  return Buffer.concat([Buffer.from(head, 'latin1'), bytes]);
};
