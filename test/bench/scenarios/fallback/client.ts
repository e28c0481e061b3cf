import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import type { Endpoint } from '../../../support/wire-http.ts';
import { textFrame, upgradeText } from '../../../support/wire-tcp.ts';
import { CHANNEL, type CountingClient, EVENT } from '../crowd.ts';

export type Way = 'websocket' | 'xhr_streaming' | 'xhr_polling';

const SUBSCRIBE = { event: 'pusher:subscribe', data: { channel: CHANNEL } };
const SUBSCRIBED = 'subscription_succeeded';

let sessions = 0;

/** A subscriber that counts events in the bytes that it receives, and decodes nothing. */
export class FallbackClient implements CountingClient {
  readonly #way: Way;
  readonly #endpoint: Endpoint;
  readonly #onEvent: () => void;
  readonly #path: string;
  #socket: Socket | undefined;
  #tail = '';
  #onSubscribed: () => void = () => undefined;

  constructor(way: Way, endpoint: Endpoint, onEvent: () => void) {
    this.#way = way;
    this.#endpoint = endpoint;
    this.#onEvent = onEvent;
    this.#path = `/pusher/app/${endpoint.key}/1/session${String((sessions += 1)).padStart(6, '0')}`;
  }

  async subscribe(): Promise<void> {
    const socket = await this.#connect();
    this.#socket = socket;
    socket.on('data', (chunk: Buffer) => this.#read(chunk.toString('latin1')));
    const subscribed = new Promise<void>((resolve) => (this.#onSubscribed = resolve));
    const isSocket = this.#way === 'websocket';
    socket.write(isSocket ? upgradeText(`/app/${this.#endpoint.key}?protocol=7`) : this.#request());
    await this.#greeted(socket);
    if (isSocket) socket.write(textFrame(SUBSCRIBE));
    else await this.#send();
    await subscribed;
  }

  close(): void {
    this.#socket?.destroy();
  }

  async #connect(): Promise<Socket> {
    const { host, port } = this.#endpoint;
    const socket = connect({ host, port, noDelay: true }).on('error', () => undefined);
    await once(socket, 'connect');
    return socket;
  }

  async #greeted(socket: Socket): Promise<void> {
    for (let text = ''; !text.includes('connection_established');)
      text += String(((await once(socket, 'data')) as [Buffer])[0]);
  }

  #request(): string {
    const purpose = this.#way === 'xhr_polling' ? 'xhr' : 'xhr_streaming';
    return `POST ${this.#path}/${purpose}?protocol=7 HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n`;
  }

  async #send(): Promise<void> {
    const body = JSON.stringify([JSON.stringify(SUBSCRIBE)]);
    const socket = await this.#connect();
    socket.end(
      `POST ${this.#path}/xhr_send HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    );
    socket.resume();
    await once(socket, 'close');
  }

  #read(chunk: string): void {
    const text = this.#tail + chunk;
    let at = -1;
    let end = 0;
    while ((at = text.indexOf(EVENT, end)) >= 0) {
      end = at + EVENT.length;
      this.#onEvent();
    }
    if (text.includes(SUBSCRIBED)) this.#onSubscribed();
    this.#tail = text.slice(Math.max(end, text.length - EVENT.length - SUBSCRIBED.length));
    if (this.#way === 'xhr_polling' && chunk.endsWith('0\r\n\r\n')) this.#socket?.write(this.#request());
  }
}
