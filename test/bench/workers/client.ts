/** One WebSocket of a subscriber, with just enough of both protocols to be quick. */
import { connect, type Socket } from 'node:net';
import { channelAuth, type Endpoint } from '../../support/wire-http.ts';

export interface Wanted {
  readonly endpoint: Endpoint;
  readonly index: number;
  readonly channels: readonly string[];
  /** Ends with the upgrade, at a path where nothing is said. */
  readonly isBare: boolean;
}

export interface Hearer {
  settled(client: Client): void;
  ended(client: Client, why: string): void;
  /** Any text that is not part of entering. */
  heard(text: string, atNs: bigint): void;
}

const UPGRADE = 'Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n';
const KEY = 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n';

export class Client {
  readonly wanted: Wanted;
  readonly #hearer: Hearer;
  #socket: Socket | undefined;
  #rest: Buffer = Buffer.alloc(0);
  #isUpgraded = false;
  #entered = 0;
  #socketId = '';
  life = 0;
  sinceMs = 0;
  isSettled = false;

  constructor(wanted: Wanted, hearer: Hearer) {
    this.wanted = wanted;
    this.#hearer = hearer;
  }

  open(): void {
    const { endpoint, isBare } = this.wanted;
    const { host, port, key } = endpoint;
    [this.#isUpgraded, this.isSettled, this.#rest] = [false, false, Buffer.alloc(0)];
    this.sinceMs = performance.now();
    const socket = connect({ host, port, noDelay: true });
    this.#socket = socket;
    const path = isBare ? '/bare' : `/app/${key}?protocol=7&client=bench&version=1.0`;
    socket.on('connect', () =>
      socket.write(
        `GET ${path} HTTP/1.1\r\nHost: ${host}:${port}\r\nOrigin: http://${host}\r\n${UPGRADE}${KEY}\r\n`,
      ),
    );
    socket.on('data', (bytes) => socket === this.#socket && this.#read(bytes));
    socket.on('error', (error) => socket === this.#socket && this.#end(error.message));
    socket.on('close', () => socket === this.#socket && this.#end('closed'));
  }

  close(): void {
    const socket = this.#socket;
    this.#socket = undefined;
    socket?.resetAndDestroy();
  }

  say(text: string): void {
    const bytes = Buffer.from(text);
    const short = bytes.length < 126;
    const head = Buffer.alloc(short ? 6 : 8);
    head[0] = 0x81;
    head[1] = 0x80 | (short ? bytes.length : 126);
    if (!short) head.writeUInt16BE(bytes.length, 2);
    this.#socket?.write(Buffer.concat([head, bytes]));
  }

  /** Asks for all its channels, signed where they have to be, each time as another user. */
  enter(): void {
    this.#entered = 0;
    this.life += 1;
    for (const channel of this.wanted.channels) this.say(this.#subscription(channel));
  }

  #subscription(channel: string): string {
    if (!channel.startsWith('presence-'))
      return JSON.stringify({ event: 'pusher:subscribe', data: { auth: '', channel } });
    const user = { user_id: `${this.wanted.index}-${this.life}`, user_info: { name: 'Bench' } };
    const member = JSON.stringify(user);
    const auth = channelAuth(this.wanted.endpoint, this.#socketId, channel, member);
    return JSON.stringify({ event: 'pusher:subscribe', data: { auth, channel, channel_data: member } });
  }

  #end(why: string): void {
    this.close();
    this.#hearer.ended(this, why);
  }

  #settle(): void {
    this.isSettled = true;
    this.#hearer.settled(this);
  }

  #read(bytes: Buffer): void {
    const atNs = process.hrtime.bigint();
    let all = this.#rest.length === 0 ? bytes : Buffer.concat([this.#rest, bytes]);
    if (!this.#isUpgraded) {
      const end = all.indexOf('\r\n\r\n');
      if (end < 0) return void (this.#rest = all);
      if (!all.subarray(0, 12).includes(' 101')) return this.#end(all.toString('latin1', 0, 100));
      this.#isUpgraded = true;
      all = all.subarray(end + 4);
      if (this.wanted.isBare) return this.#settle();
    }
    const socket = this.#socket;
    let at = 0;
    for (let next = this.#frame(all, at, atNs); next > at; next = this.#frame(all, at, atNs)) {
      // What was closed by what it heard, or opened anew, hears no more of this.
      if (socket !== this.#socket) return;
      at = next;
    }
    this.#rest = all.subarray(at);
  }

  /** Offset of the next frame; `at` while this one is not complete. */
  #frame(all: Buffer, at: number, atNs: bigint): number {
    if (all.length - at < 2) return at;
    const opcode = all.readUInt8(at) & 15;
    let length = all.readUInt8(at + 1) & 127;
    let from = at + 2;
    if (length === 126 && all.length - at >= 4) [length, from] = [all.readUInt16BE(from), from + 2];
    else if (length === 127 && all.length - at >= 10)
      [length, from] = [Number(all.readBigUInt64BE(from)), from + 8];
    else if (length > 125) return at;
    if (all.length < from + length) return at;
    if (opcode === 1) this.#hear(all.toString('latin1', from, from + length), atNs);
    else if (opcode === 8) this.#end(all.toString('latin1', from + 2, from + length));
    return from + length;
  }

  #hear(text: string, atNs: bigint): void {
    if (text.includes('due=')) return this.#hearer.heard(text, atNs);
    if (text.includes('pusher:connection_established')) {
      this.#socketId = /socket_id[^0-9]+([0-9.]+)/.exec(text)?.[1] ?? '';
      this.enter();
    } else if (text.includes('subscription_succeeded')) {
      this.#entered += 1;
      if (this.#entered === this.wanted.channels.length) this.#settle();
    } else if (text.includes('pusher:ping')) this.say('{"event":"pusher:pong","data":{}}');
    else if (text.includes('pusher:error') && !this.isSettled) this.#end(text);
    else this.#hearer.heard(text, atNs);
  }
}
