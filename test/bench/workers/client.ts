/** A fast WebSocket client of one subscriber: implements only what the benchmark needs of WebSocket and Pusher protocol. */
import { connect, type Socket } from 'node:net';
import { channelAuth, type Endpoint } from '../../support/wire-http.ts';

export interface ClientOptions {
  readonly endpoint: Endpoint;
  readonly index: number;
  readonly channels: readonly string[];
  /** True: only upgrades, at a path that sends nothing. */
  readonly isBare: boolean;
}

export interface ClientHandlers {
  subscribed(client: Client): void;
  closed(client: Client, reason: string): void;
  /** Receives every text that is not part of connecting and subscribing. */
  received(text: string, atNs: bigint): void;
}

const UPGRADE = 'Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n';
const KEY = 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n';

export class Client {
  readonly options: ClientOptions;
  readonly #handlers: ClientHandlers;
  #socket: Socket | undefined;
  #rest: Buffer = Buffer.alloc(0);
  #isUpgraded = false;
  #subscribedCount = 0;
  #socketId = '';
  /** How often it has subscribed; part of the user id. */
  subscribeCount = 0;
  sinceMs = 0;
  isSubscribed = false;

  constructor(options: ClientOptions, handlers: ClientHandlers) {
    this.options = options;
    this.#handlers = handlers;
  }

  open(): void {
    const { endpoint, isBare } = this.options;
    const { host, port, key } = endpoint;
    [this.#isUpgraded, this.isSubscribed, this.#rest] = [false, false, Buffer.alloc(0)];
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

  sendText(text: string): void {
    const bytes = Buffer.from(text);
    const short = bytes.length < 126;
    const head = Buffer.alloc(short ? 6 : 8);
    head[0] = 0x81;
    head[1] = 0x80 | (short ? bytes.length : 126);
    if (!short) head.writeUInt16BE(bytes.length, 2);
    this.#socket?.write(Buffer.concat([head, bytes]));
  }

  /** Subscribes to all its channels, signed where needed, each time as another user. */
  subscribe(): void {
    this.#subscribedCount = 0;
    this.subscribeCount += 1;
    for (const channel of this.options.channels) this.sendText(this.#subscription(channel));
  }

  #subscription(channel: string): string {
    if (!channel.startsWith('presence-'))
      return JSON.stringify({ event: 'pusher:subscribe', data: { auth: '', channel } });
    const user = { user_id: `${this.options.index}-${this.subscribeCount}`, user_info: { name: 'Bench' } };
    const member = JSON.stringify(user);
    const auth = channelAuth(this.options.endpoint, this.#socketId, channel, member);
    return JSON.stringify({ event: 'pusher:subscribe', data: { auth, channel, channel_data: member } });
  }

  #end(reason: string): void {
    this.close();
    this.#handlers.closed(this, reason);
  }

  #complete(): void {
    this.isSubscribed = true;
    this.#handlers.subscribed(this);
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
      if (this.options.isBare) return this.#complete();
    }
    const socket = this.#socket;
    let at = 0;
    for (let next = this.#frame(all, at, atNs); next > at; next = this.#frame(all, at, atNs)) {
      // Closed or reconnected by a handler: the rest of these bytes belongs to the old socket.
      if (socket !== this.#socket) return;
      at = next;
    }
    this.#rest = all.subarray(at);
  }

  /** Reads one frame. Returns the offset of the next one, or `at` while this one is incomplete. */
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
    if (opcode === 1) this.#receive(all.toString('latin1', from, from + length), atNs);
    else if (opcode === 8) this.#end(all.toString('latin1', from + 2, from + length));
    return from + length;
  }

  #receive(text: string, atNs: bigint): void {
    if (text.includes('due=')) return this.#handlers.received(text, atNs);
    if (text.includes('pusher:connection_established')) {
      this.#socketId = /socket_id[^0-9]+([0-9.]+)/.exec(text)?.[1] ?? '';
      this.subscribe();
    } else if (text.includes('subscription_succeeded')) {
      this.#subscribedCount += 1;
      if (this.#subscribedCount === this.options.channels.length) this.#complete();
    } else if (text.includes('pusher:ping')) this.sendText('{"event":"pusher:pong","data":{}}');
    else if (text.includes('pusher:error') && !this.isSubscribed) this.#end(text);
    else this.#handlers.received(text, atNs);
  }
}
