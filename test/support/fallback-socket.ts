import { EventEmitter } from 'node:events';
import { Agent, type ClientRequest, type IncomingMessage, request } from 'node:http';
import { randomBytes, randomInt } from 'node:crypto';
import { StringDecoder } from 'node:string_decoder';
import WebSocket from 'ws';
import type { Address, WireOptions } from './wire.ts';

export type FallbackTransport = 'xhr_streaming' | 'xhr_polling';

/** One session of the HTTP fallback as its client has it, with the interface of a `ws` client. Sends wait for each other. */
export class FallbackSocket extends EventEmitter {
  readyState: number = WebSocket.CONNECTING;
  /** Path of the session, without its last part. */
  readonly path: string;
  /** Receiving requests so far. */
  receivers = 0;
  /** Every line since the session opened. */
  readonly lines: string[] = [];
  readonly #address: Address;
  readonly #query: string;
  readonly #transport: FallbackTransport;
  readonly #options: WireOptions;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 8 });
  #receiving: ClientRequest | undefined;
  #sends: Promise<unknown> = Promise.resolve();

  constructor(address: Address, path: string, transport: FallbackTransport, options: WireOptions = {}) {
    super();
    const [base = '', query = ''] = path.split('?');
    this.#address = address;
    this.#transport = transport;
    this.#options = options;
    this.#query = query === '' ? '' : `?${query}`;
    this.path = `${base}/${randomInt(1000)}/${randomBytes(4).toString('hex')}`;
    this.receive();
  }

  send(message: string | Buffer): void {
    this.sendBody(JSON.stringify([String(message)]));
  }

  /** Sends a body as it is, after those before. */
  sendBody(body: string | Buffer): void {
    this.#sends = this.#sends.then(() => this.#post('xhr_send', body).catch(() => undefined));
  }

  close(code = 1005): void {
    this.#end(code, '');
  }

  terminate(): void {
    this.#end(1006, '');
  }

  /** Breaks the present receiving request off and makes a new one, as pusher-js does. */
  renew(): void {
    const before = this.#receiving;
    this.#receiving = undefined;
    before?.destroy();
    this.receive();
  }

  /** Makes a further receiving request. The server ends the present one, of which all lines are read. */
  receive(): void {
    this.receivers += 1;
    const purpose = this.#transport === 'xhr_streaming' ? 'xhr_streaming' : 'xhr';
    const made = this.#request(`${purpose}${this.#query}`);
    this.#receiving = made;
    made.on('response', (response) => this.#read(made, response));
    made.on('error', () => this.#interrupted(made));
    made.end();
  }

  #read(made: ClientRequest, response: IncomingMessage): void {
    if (response.statusCode !== 200) return this.#interrupted(made);
    const decoder = new StringDecoder('utf8');
    let rest = '';
    response.on('data', (chunk: Buffer) => {
      const parts = (rest + decoder.write(chunk)).split('\n');
      rest = parts.pop() ?? '';
      for (const line of parts) this.#handle(line);
    });
    response.on('error', () => this.#interrupted(made));
    response.on('end', () => {
      if (this.#transport === 'xhr_streaming') this.#interrupted(made);
      // A browser uses the connection again, which is free in the next turn.
      else setImmediate(() => this.#pollAgain(made));
    });
  }

  #pollAgain(before: ClientRequest): void {
    if (this.#receiving === before && this.readyState <= WebSocket.OPEN) this.receive();
  }

  #handle(line: string): void {
    this.lines.push(line);
    if (line.startsWith('o')) this.#opened();
    else if (line.startsWith('a'))
      for (const frame of JSON.parse(line.slice(1)) as string[]) this.emit('message', Buffer.from(frame));
    else if (line === 'h') this.#heartbeat();
    else if (line.startsWith('c')) this.#end(...(JSON.parse(line.slice(1)) as [number, string]));
  }

  get hasOpened(): boolean {
    return this.lines.some((line) => line.startsWith('o'));
  }

  #opened(): void {
    if (this.readyState !== WebSocket.CONNECTING) return this.#end(1006, 'Server lost session');
    this.readyState = WebSocket.OPEN;
    this.emit('open');
  }

  #heartbeat(): void {
    this.emit('ping', Buffer.alloc(0));
    if (this.#transport === 'xhr_streaming' && this.#options.autoPong !== false) this.sendBody('[]');
  }

  #interrupted(made: ClientRequest): void {
    if (this.#receiving === made) this.#end(1006, 'Connection interrupted');
  }

  #end(code: number, reason: string): void {
    if (this.readyState === WebSocket.CLOSED) return;
    this.readyState = WebSocket.CLOSED;
    this.#receiving?.destroy();
    void this.#sends.finally(() => this.#agent.destroy());
    this.emit('close', code, Buffer.from(reason));
  }

  #post(purpose: string, body: string | Buffer): Promise<void> {
    return new Promise((resolve, reject) => {
      const made = this.#request(purpose, Buffer.byteLength(body));
      made.on('response', (response) => response.resume().on('end', resolve).on('error', reject));
      made.on('error', reject);
      made.end(body);
    });
  }

  #request(purpose: string, bytes = 0): ClientRequest {
    const { headers, origin } = this.#options;
    return request({
      host: this.#address.host,
      port: this.#address.port,
      method: 'POST',
      path: `${this.path}/${purpose}`,
      agent: this.#agent,
      headers: {
        'Content-Type': 'application/json',
        'Content-Length': String(bytes),
        ...(origin !== undefined && { Origin: origin }),
        ...headers,
      },
    }).on('error', () => undefined);
  }
}
