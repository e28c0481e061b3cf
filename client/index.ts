/**
 * Exact resume for pusher-js and Laravel Echo (SPEC 13.7). Call it once, before the first client is created:
 *
 *     import Pusher from 'pusher-js';
 *     import { resume } from 'wavehall/client';
 *     resume(Pusher);
 *
 * After a lost connection each channel gets the events that it missed, each once, in their order. Where that is not possible the
 * channel emits `wavehall:gap`. A server that is not Wavehall ignores what this adds.
 */

/** Earlier sockets that the server is told about. */
const MOST_SOCKETS = 8;

/** The parts of pusher-js that are used; they are the same in all of its builds since version 4. */
interface Transport {
  bind(event: 'message', listener: (message: { readonly data?: unknown }) => void): unknown;
}

interface PusherClient {
  readonly connection: {
    readonly socket_id?: string;
    readonly connection?: { readonly transport?: Transport } | null;
  };
}

type SendEvent = (this: PusherClient, name: string, data: unknown, channel?: string) => boolean;

/** The class `Pusher` of pusher-js. */
export interface PusherClass {
  readonly prototype: object;
}

/** Places of one client: for each channel that it is on, the position of the last event that it received. */
class Places {
  readonly #client: PusherClient;
  readonly #positions = new Map<string, string | undefined>();
  #transport: Transport | undefined;
  #sockets: string[] = [];
  #receivedAtMs = Date.now();

  constructor(client: PusherClient) {
    this.#client = client;
  }

  /** The field `resume` of a subscription. */
  request(channel: string): object {
    const away = (Date.now() - this.#receivedAtMs) / 1000;
    this.#listen();
    const position = this.#positions.get(channel);
    this.#positions.set(channel, position);
    return { position, away: Math.max(0, away), sockets: this.#sockets.slice(0, -1) };
  }

  forget(channel: string): void {
    this.#positions.delete(channel);
  }

  /** Reads along on the present connection; pusher-js has handled a message when it is read here. */
  #listen(): void {
    const { socket_id: socketId, connection } = this.#client.connection;
    const transport = connection?.transport;
    if (transport === undefined || transport === this.#transport) return;
    this.#transport = transport;
    if (socketId !== undefined) this.#sockets = [...this.#sockets, socketId].slice(-1 - MOST_SOCKETS);
    transport.bind('message', ({ data }) => {
      if (transport === this.#transport) this.#received(data);
    });
  }

  #received(text: unknown): void {
    this.#receivedAtMs = Date.now();
    if (typeof text !== 'string' || !text.includes('"position":"')) return;
    const { channel, position } = JSON.parse(text) as {
      readonly channel?: unknown;
      readonly position?: unknown;
    };
    if (typeof channel !== 'string' || typeof position !== 'string') return;
    if (this.#positions.has(channel)) this.#positions.set(channel, position);
  }
}

const places = new WeakMap<PusherClient, Places>();

function placesOf(client: PusherClient): Places {
  let known = places.get(client);
  if (known === undefined) places.set(client, (known = new Places(client)));
  return known;
}

const resuming = new WeakSet();

/** Makes all clients of this class resume exactly. A second call does nothing. */
export function resume(Pusher: PusherClass): void {
  const prototype = Pusher.prototype as { send_event?: SendEvent };
  const send = prototype.send_event;
  if (send === undefined) throw new Error('resume() needs the class Pusher of pusher-js');
  if (resuming.has(prototype)) return;
  resuming.add(prototype);
  prototype.send_event = function (name, data, channel) {
    const subject = (data as { readonly channel?: unknown } | null | undefined)?.channel;
    if (typeof subject !== 'string') return send.call(this, name, data, channel);
    if (name === 'pusher:unsubscribe') placesOf(this).forget(subject);
    const isSubscribing = name === 'pusher:subscribe';
    const sent = isSubscribing ? { ...(data as object), resume: placesOf(this).request(subject) } : data;
    return send.call(this, name, sent, channel);
  };
}
