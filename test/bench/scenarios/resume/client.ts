import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import type { Endpoint } from '../../../support/wire-http.ts';
import { textFrame, upgradeText } from '../../../support/wire-tcp.ts';
import { CHANNEL, type CountingClient, EVENT } from '../crowd.ts';

/** A client without a tab id, a stock client with one, or a client that asks for positions. */
export type Kind = 'plain' | 'tab' | 'exact';

export interface ResumingOptions {
  readonly kind: Kind;
  /** Channels that it is on. */
  readonly channels: number;
}

const SUBSCRIBED = 'subscription_succeeded';
const PING = 'pusher:ping';
const PONG = textFrame({ event: 'pusher:pong', data: {} });
const LONGEST_MARK = Math.max(SUBSCRIBED.length, EVENT.length, PING.length);

/** A subscriber over WebSocket that counts events in the bytes that it receives, and answers `pusher:ping` as clients do. */
export class ResumingClient implements CountingClient {
  readonly #options: ResumingOptions;
  readonly #endpoint: Endpoint;
  readonly #onEvent: () => void;
  #socket: Socket | undefined;
  #tail = '';
  #subscribed = 0;
  #onSubscribed: () => void = () => undefined;

  constructor(options: ResumingOptions, endpoint: Endpoint, onEvent: () => void) {
    this.#options = options;
    this.#endpoint = endpoint;
    this.#onEvent = onEvent;
  }

  async subscribe(): Promise<void> {
    const { host, port, key } = this.#endpoint;
    const { kind, channels } = this.#options;
    const socket = connect({ host, port, noDelay: true }).on('error', () => undefined);
    this.#socket = socket;
    await once(socket, 'connect');
    const tab = kind === 'tab' ? `/t/${randomUUID()}` : '';
    socket.write(upgradeText(`${tab}/app/${key}?protocol=7`));
    for (let text = ''; !text.includes('connection_established');)
      text += String(((await once(socket, 'data')) as [Buffer])[0]);
    socket.on('data', (chunk: Buffer) => this.#read(chunk.toString('latin1')));
    if (channels === 0) return;
    const subscribed = new Promise<void>((resolve) => (this.#onSubscribed = resolve));
    for (let at = 0; at < channels; at += 1) socket.write(this.#subscription(at));
    await subscribed;
  }

  close(): void {
    this.#socket?.destroy();
  }

  #subscription(at: number): Buffer {
    const channel = at === 0 ? CHANNEL : `${CHANNEL}-${at}`;
    const resume = this.#options.kind === 'exact' ? { resume: {} } : {};
    return textFrame({ event: 'pusher:subscribe', data: { channel, ...resume } });
  }

  #read(chunk: string): void {
    const text = this.#tail + chunk;
    let end = 0;
    for (const mark of [SUBSCRIBED, EVENT, PING]) end = Math.max(end, this.#each(text, mark));
    this.#tail = text.slice(Math.max(end, text.length - LONGEST_MARK));
  }

  /** Handles each place of a mark in the text. Returns where the last one ends. */
  #each(text: string, mark: string): number {
    let end = 0;
    for (let at = text.indexOf(mark); at >= 0; at = text.indexOf(mark, end)) {
      end = at + mark.length;
      this.#received(mark);
    }
    return end;
  }

  #received(mark: string): void {
    if (mark === EVENT) this.#onEvent();
    else if (mark === PING) this.#socket?.write(PONG);
    else if ((this.#subscribed += 1) === this.#options.channels) this.#onSubscribed();
  }
}
