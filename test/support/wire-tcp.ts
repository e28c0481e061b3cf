import { randomBytes } from 'node:crypto';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import type { Address, Closing } from './wire.ts';

/** One WebSocket frame. Nothing is validated, so invalid frames can be written and read. */
export interface RawFrame {
  readonly fin?: boolean;
  readonly rsv?: number;
  readonly opcode: number;
  readonly payload?: Buffer | string;
  readonly masked?: boolean;
  /** Length in the header, if it differs from the payload's. */
  readonly claimedLength?: bigint;
}

export const OPCODE = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

const lengthBytes = (length: bigint): Buffer => {
  if (length < 126n) return Buffer.from([Number(length)]);
  if (length < 65_536n) return Buffer.from([126, Number(length >> 8n), Number(length & 255n)]);
  const bytes = Buffer.alloc(9);
  bytes[0] = 127;
  bytes.writeBigUInt64BE(length, 1);
  return bytes;
};

/** Encodes one frame, valid or not. */
export const frameBytes = (frame: RawFrame): Buffer => {
  const payload = Buffer.from((frame.payload ?? '') as string);
  const masked = frame.masked ?? true;
  const head = ((frame.fin ?? true) ? 0x80 : 0) | ((frame.rsv ?? 0) << 4) | frame.opcode;
  const length = lengthBytes(frame.claimedLength ?? BigInt(payload.length));
  length[0]! |= masked ? 0x80 : 0;
  if (!masked) return Buffer.concat([Buffer.from([head]), length, payload]);
  const mask = randomBytes(4);
  const maskedPayload = payload.map((byte, index) => byte ^ mask[index % 4]!);
  return Buffer.concat([Buffer.from([head]), length, mask, maskedPayload]);
};

export const textFrame = (message: unknown): Buffer =>
  frameBytes({
    opcode: OPCODE.text,
    payload: typeof message === 'string' ? message : JSON.stringify(message),
  });

/** Text of a valid upgrade request; `headers` are added to its own, or replace those of the same name. */
export const upgradeText = (
  path: string,
  headers: Record<string, string | undefined> = {},
  requestLine = `GET ${path} HTTP/1.1`,
): string => {
  const all: Record<string, string | undefined> = {
    Host: 'localhost',
    Connection: 'Upgrade',
    Upgrade: 'websocket',
    'Sec-WebSocket-Version': '13',
    'Sec-WebSocket-Key': randomBytes(16).toString('base64'),
    ...headers,
  };
  const lines = Object.entries(all).filter((pair): pair is [string, string] => pair[1] !== undefined);
  return [requestLine, ...lines.map(([name, value]) => `${name}: ${value}`), '', ''].join('\r\n');
};

interface Parsed {
  opcode: number;
  payload: Buffer;
  size: number;
}

/** Parses one unmasked server frame at the start of `bytes`; undefined while it is incomplete. */
const parseFrame = (bytes: Buffer): Parsed | undefined => {
  if (bytes.length < 2) return undefined;
  const short = bytes[1]! & 0x7f;
  const headSize = short === 127 ? 10 : short === 126 ? 4 : 2;
  if (bytes.length < headSize) return undefined;
  const length =
    short === 127 ? Number(bytes.readBigUInt64BE(2)) : short === 126 ? bytes.readUInt16BE(2) : short;
  const size = headSize + length;
  if (bytes.length < size) return undefined;
  return { opcode: bytes[0]! & 0x0f, payload: bytes.subarray(headSize, size), size };
};

/** Raw TCP connection for HTTP and WebSocket bytes, valid or not. */
export class Tcp {
  readonly socket: Socket;
  readonly ended: Promise<void>;
  isEnded = false;
  #bytes = Buffer.alloc(0);
  readonly #wakers = new Set<() => void>();

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on('data', (chunk: Buffer) => {
      this.#bytes = Buffer.concat([this.#bytes, chunk]);
      this.#wake();
    });
    socket.on('error', () => undefined);
    this.ended = new Promise((resolve) => {
      const end = () => {
        this.isEnded = true;
        resolve();
        this.#wake();
      };
      socket.on('close', end);
      // The server's half-close counts as the end: closes this half too, so that the connection does not remain half open.
      socket.on('end', () => {
        socket.end();
        end();
      });
    });
  }

  static open(address: Address): Promise<Tcp> {
    const socket = connect({ host: address.host, port: address.port, noDelay: true });
    const tcp = new Tcp(socket);
    return new Promise((resolve, reject) => {
      socket.once('connect', () => resolve(tcp));
      socket.once('error', reject);
    });
  }

  /** Opens a TCP connection and upgrades it; rejects unless the status is 101. */
  static async upgraded(
    address: Address,
    path: string,
    headers: Record<string, string | undefined> = {},
    limitMs = 5_000,
  ): Promise<Tcp> {
    const tcp = await Tcp.open(address);
    tcp.write(upgradeText(path, headers));
    const head = await tcp.head(limitMs);
    if (!head.startsWith('HTTP/1.1 101')) throw new Error(`no upgrade: ${head}`);
    return tcp;
  }

  write(bytes: Buffer | string): void {
    if (!this.socket.destroyed) this.socket.write(bytes);
  }

  /** All bytes that were received and not taken yet. */
  get received(): Buffer {
    return this.#bytes;
  }

  /** Takes the head of an HTTP answer without its empty line; '' if the server ended the connection before a whole head. */
  async head(limitMs = 5_000): Promise<string> {
    await this.#until(() => this.#bytes.includes('\r\n\r\n') || this.isEnded, limitMs, 'an HTTP head');
    const end = this.#bytes.indexOf('\r\n\r\n');
    if (end < 0) return '';
    const head = this.#bytes.subarray(0, end).toString('latin1');
    this.#bytes = this.#bytes.subarray(end + 4);
    return head;
  }

  /** Takes the next frame. */
  async frame(limitMs = 5_000): Promise<{ opcode: number; payload: Buffer }> {
    await this.#until(() => parseFrame(this.#bytes) !== undefined || this.isEnded, limitMs, 'a frame');
    const parsed = parseFrame(this.#bytes);
    if (!parsed) throw new Error('the connection ended before a frame');
    this.#bytes = this.#bytes.subarray(parsed.size);
    return parsed;
  }

  /** Takes the next text message, decoded. */
  async message(limitMs = 5_000): Promise<Record<string, unknown>> {
    for (;;) {
      const { opcode, payload } = await this.frame(limitMs);
      if (opcode === OPCODE.text) return JSON.parse(payload.toString('utf8')) as Record<string, unknown>;
      if (opcode === OPCODE.close)
        throw new Error(`closed with ${payload.length ? payload.readUInt16BE(0) : 1005}`);
    }
  }

  /** Reads to the end of the connection; the code is 1006 without a close frame, and 1005 if the close frame was empty. */
  async closing(limitMs = 5_000): Promise<Closing> {
    for (;;) {
      const frame = await this.frame(limitMs).catch((error: unknown) => {
        if (this.isEnded) return undefined;
        throw error;
      });
      if (!frame) return { code: 1006, reason: '' };
      if (frame.opcode !== OPCODE.close) continue;
      if (frame.payload.length < 2) return { code: 1005, reason: '' };
      return { code: frame.payload.readUInt16BE(0), reason: frame.payload.subarray(2).toString('utf8') };
    }
  }

  /** Waits for the end of the connection. */
  async end(limitMs = 5_000): Promise<void> {
    await this.#until(() => this.isEnded, limitMs, 'the end of the connection');
  }

  destroy(): void {
    this.socket.destroy();
  }

  /** Ends with a TCP RST instead of a FIN. */
  reset(): void {
    this.socket.resetAndDestroy();
  }

  #wake(): void {
    for (const waker of [...this.#wakers]) waker();
  }

  async #until(holds: () => boolean, limitMs: number, what: string): Promise<void> {
    const deadline = Date.now() + limitMs;
    while (!holds()) {
      const left = deadline - Date.now();
      if (left <= 0) throw new Error(`no ${what} within ${limitMs} ms; received ${this.#bytes.length} bytes`);
      await new Promise<void>((resolve) => {
        const done = () => {
          clearTimeout(timer);
          this.#wakers.delete(done);
          resolve();
        };
        const timer = setTimeout(done, left);
        this.#wakers.add(done);
      });
    }
  }
}
