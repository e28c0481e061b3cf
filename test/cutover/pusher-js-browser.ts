import PusherModule, { type Channel } from 'pusher-js';
import WebSocket from 'ws';
import { APP } from '../support/app.ts';
import type { Side } from '../../src/cutover/sides.ts';
import { channelAuth } from '../support/wire-http.ts';
import type { Address } from '../support/wire.ts';
import { contentOf, type DeliveryLog, type ClientSubscription } from '../support/delivery/delivery-log.ts';

type Pusher = InstanceType<typeof PusherModule.default>;
/** At run time the CommonJS module is the class itself; its types promise a `default`. */
const Pusher = PusherModule as unknown as typeof PusherModule.default;
/** Factory with which pusher-js opens its sockets, in Node as in browsers. */
const runtime = Pusher.Runtime as unknown as { createWebSocket(url: string): unknown };

/** Shows in the greeting which side serves a socket: Wavehall is started with it, the upstream is not. */
export const WAVEHALL_ACTIVITY_TIMEOUT_S = 31;

const browsers = new Map<string, PusherJsBrowser>();
const createRealWebSocket = runtime.createWebSocket.bind(runtime);
runtime.createWebSocket = (url) => browsers.get(new URL(url).hostname)?.open(url) ?? createRealWebSocket(url);

export const EVENT = 'App\\Events\\Walked';
export const CLIENT_EVENT = 'client-walked';
/** Event that is published many times with equal bytes. */
export const EQUAL_EVENT = 'App\\Events\\Equal';

interface RawFrame {
  readonly event: string;
  readonly channel?: string;
  readonly data?: unknown;
}

export interface BrowserOptions {
  readonly name: string;
  readonly user: string;
  readonly frontDoor: () => Address;
  readonly log: DeliveryLog;
  readonly nowMs: () => number;
}

/** A stock pusher-js client that keeps cookies as a browser does, and records everything that it receives. */
export class PusherJsBrowser {
  readonly name: string;
  readonly user: string;
  /** Number of connects; the close code of each connection that ended is in `endings`. */
  connects = 0;
  readonly endings: number[] = [];
  cookie: string | undefined;
  side: Side | undefined;
  /** Number of equal events received, by channel. */
  readonly equalEvents = new Map<string, number>();
  readonly #options: BrowserOptions;
  readonly #pusher: Pusher;
  readonly #subscriptions = new Map<string, ClientSubscription>();
  #roster = new Map<string, readonly string[]>();
  #channels: string[] = [];

  constructor(options: BrowserOptions) {
    this.#options = options;
    this.name = options.name;
    this.user = options.user;
    const host = `${options.name}.test`;
    browsers.set(host, this);
    this.#pusher = new Pusher(APP.key, {
      wsHost: host,
      wsPort: 80,
      forceTLS: false,
      enabledTransports: ['ws'],
      cluster: '',
      channelAuthorization: {
        customHandler: (request, answer) => answer(null, this.#sign(request)),
        endpoint: '',
        transport: 'ajax',
      },
    });
    this.#pusher.connection.bind('state_change', ({ current }: { current: string }) => {
      if (current === 'connected') this.connects += 1;
      else this.#end();
    });
  }

  subscribe(channels: readonly string[]): void {
    for (const name of channels) {
      this.#channels.push(name);
      this.#listen(this.#pusher.subscribe(name), name);
    }
  }

  /** True when it is connected and subscribed to every channel. */
  get isSettled(): boolean {
    return (
      this.#pusher.connection.state === 'connected' && this.#subscriptions.size === this.#channels.length
    );
  }

  get socketId(): string | undefined {
    return this.#pusher.connection.state === 'connected' ? this.#pusher.connection.socket_id : undefined;
  }

  /** Bucket in the cookie, from 0 to 9999; `undefined` before the first answer. */
  get bucket(): number | undefined {
    const text = /wavehall_bucket=(\d+)/.exec(this.cookie ?? '')?.[1];
    return text === undefined ? undefined : Number(text);
  }

  isOn(channel: string): boolean {
    return this.#subscriptions.has(channel);
  }

  /** Sends a client event; false when it could not be sent. */
  sendClientEvent(channel: string, number: number): boolean {
    return (
      this.isOn(channel) && this.#pusher.channel(channel).trigger(CLIENT_EVENT, contentOf(number, channel))
    );
  }

  leave(): void {
    this.#pusher.disconnect();
    browsers.delete(`${this.name}.test`);
  }

  /** Opens a connection; pusher-js calls it for each one. */
  open(url: string): WebSocket {
    const { pathname, search } = new URL(url);
    const { host, port } = this.#options.frontDoor();
    const socket = new WebSocket(`ws://${host}:${port}${pathname}${search}`, {
      perMessageDeflate: false,
      origin: 'http://app.test',
      headers: { 'User-Agent': 'a browser', ...(this.cookie !== undefined && { Cookie: this.cookie }) },
    });
    socket.on('upgrade', ({ headers }) => {
      const set = headers['set-cookie']?.[0]?.split(';', 1)[0];
      if (set !== undefined) this.cookie = set;
    });
    socket.addEventListener('message', ({ data }) => this.#readRaw(data as string));
    // pusher-js listens for errors only until it has given a connection up.
    socket.on('error', () => undefined);
    socket.on('close', (code) => this.endings.push(code));
    return socket;
  }

  #sign({ socketId, channelName }: { socketId: string; channelName: string }) {
    const isPresence = channelName.startsWith('presence-');
    const data = JSON.stringify({ user_id: this.user, user_info: { name: this.user } });
    if (!isPresence) return { auth: channelAuth(APP, socketId, channelName) };
    return { auth: channelAuth(APP, socketId, channelName, data), channel_data: data };
  }

  /** Reads frames that pusher-js does not pass on: the greeting, the roster as it was received, and changes without effect. */
  #readRaw(text: string): void {
    if (!text.includes('"pusher')) return;
    const { event, channel, data } = JSON.parse(text) as RawFrame;
    const inside = (): Record<string, unknown> => JSON.parse(String(data)) as Record<string, unknown>;
    if (event === 'pusher:connection_established')
      this.side = inside().activity_timeout === WAVEHALL_ACTIVITY_TIMEOUT_S ? 'wavehall' : 'upstream';
    if (channel === undefined) return;
    if (event === 'pusher_internal:subscription_succeeded') {
      const { presence } = inside() as { presence?: { ids: unknown[] } };
      if (presence !== undefined) this.#roster.set(channel, presence.ids.map(String));
    }
    const kind = /^pusher_internal:member_(added|removed)$/.exec(event)?.[1] as
      'added' | 'removed' | undefined;
    if (kind === undefined) return;
    const change = { user: String(inside().user_id), kind, atMs: this.#options.nowMs() };
    this.#subscriptions.get(channel)?.memberChanges.push(change);
  }

  #listen(channel: Channel, name: string): void {
    channel.bind('pusher:subscription_succeeded', () => this.#begin(name));
    channel.bind(EQUAL_EVENT, () => this.equalEvents.set(name, (this.equalEvents.get(name) ?? 0) + 1));
    for (const event of [EVENT, CLIENT_EVENT])
      channel.bind(event, (data: { number?: unknown }, about?: { user_id?: string }) => {
        const user = about?.user_id;
        this.#subscriptions.get(name)?.received.push({
          number: Number(data.number),
          atMs: this.#options.nowMs(),
          data,
          ...(user !== undefined && { user }),
        });
      });
  }

  #begin(channel: string): void {
    const isPresence = channel.startsWith('presence-');
    const subscription: ClientSubscription = {
      client: this.name,
      ...(isPresence && { user: this.user, roster: this.#roster.get(channel) ?? [] }),
      socket: this.#pusher.connection.socket_id,
      server: this.side ?? 'upstream',
      channel,
      sinceMs: this.#options.nowMs(),
      untilMs: Infinity,
      received: [],
      memberChanges: [],
    };
    this.#subscriptions.set(channel, subscription);
    this.#options.log.subscriptions.push(subscription);
  }

  #end(): void {
    for (const subscription of this.#subscriptions.values()) subscription.untilMs = this.#options.nowMs();
    this.#subscriptions.clear();
  }
}
