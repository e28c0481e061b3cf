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

/** Parses the HTTP answer at the start of `bytes`; returns it and the rest. Without a length it has no body. */
const takeAnswer = (bytes: Buffer): [RawAnswer, Buffer] | undefined => {
  const end = bytes.indexOf('\r\n\r\n');
  if (end < 0) return undefined;
  const [line = '', ...lines] = bytes.subarray(0, end).toString('latin1').split('\r\n');
  const headers = Object.fromEntries(
    lines.map((each) => [each.split(':', 1)[0]!.toLowerCase(), each.slice(each.indexOf(':') + 1).trim()]),
  );
  const length = Number(headers['content-length'] ?? 0);
  const size = end + 4 + length;
  if (bytes.length < size) return undefined;
  const body = bytes.subarray(end + 4, size).toString();
  return [{ status: Number(line.split(' ')[1]), headers, body }, bytes.subarray(size)];
};

/** Connection over which a test sends any bytes as HTTP, valid or not, and reads answers one by one. */
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

  /** Takes the next answer; `undefined` if the server ended the connection before a whole one. */
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

  /** Takes `count` answers, in order. */
  async answers(count: number): Promise<(RawAnswer | undefined)[]> {
    const all: (RawAnswer | undefined)[] = [];
    while (all.length < count) all.push(await this.answer());
    return all;
  }

  /** Waits for the end of the connection; resolves with the bytes that were not taken. */
  async end(limitMs = 5_000): Promise<string> {
    const deadline = Date.now() + limitMs;
    while (!this.isEnded) await this.#change(deadline, 'end of the connection');
    return this.#bytes.toString();
  }

  /** Received text that was not taken yet. */
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

/** Encodes a request; adds `Content-Length` to a body unless the headers contain its framing. */
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
