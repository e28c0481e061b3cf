import { APP } from './app.ts';
import { nodeName, type TestNode } from './cluster.ts';
import type { ClientSubscription, MemberChange } from './delivery/delivery-log.ts';
import { type Frame, Wire, dataOf, eventually } from './wire.ts';
import { channelAuth } from './wire-http.ts';
import { sleep } from '../../src/core/util/time.ts';

/** Event that clients of a cluster record; its data is `{ n: number }`. */
export const CLUSTER_EVENT = 'counted';

/** One subscription of one socket of a cluster client, from its request on. */
export interface ClusterSubscription extends ClientSubscription {
  readonly owner: ClusterClient;
  readonly node: TestNode;
  /** The server has processed the unsubscription: the pong that followed it was received. */
  isEnded: boolean;
}

/** Receives the start and end of every client's subscriptions, to compare them with what the cluster reports. */
export interface ClientObserver {
  opened(subscription: ClusterSubscription): void;
  closed(subscription: ClusterSubscription): void;
  reportViolation(what: string): void;
}

/**
 * Client that behaves like pusher-js: when its socket closes it reconnects to any running node and subscribes to its
 * channels again. It records what it receives, and reports frames that it must not receive.
 */
export class ClusterClient {
  readonly user: string;
  readonly subscriptions: ClusterSubscription[] = [];
  readonly closings: number[] = [];
  node: TestNode;
  readonly #pickNode: () => TestNode;
  readonly #observer: ClientObserver;
  readonly #wanted = new Set<string>();
  #wire: Wire | undefined;
  #current = new Map<string, ClusterSubscription>();
  #read = 0;
  #pongs: (() => void)[] = [];
  #isClosing = false;
  /** Last error frame. */
  #lastError = 'no error was received';
  #reconnecting: Promise<void> | undefined;

  constructor(user: string, node: TestNode, pickNode: () => TestNode, observer: ClientObserver) {
    this.user = user;
    this.node = node;
    this.#pickNode = pickNode;
    this.#observer = observer;
  }

  /** Subscriptions that are confirmed and not ended. */
  get confirmed(): readonly ClusterSubscription[] {
    return [...this.#current.values()].filter(
      ({ sinceMs, untilMs }) => sinceMs !== Infinity && untilMs === Infinity,
    );
  }

  get isConnected(): boolean {
    return this.#wire !== undefined;
  }

  /** Connects and subscribes; resolves when all subscriptions are confirmed. */
  async connect(channels: readonly string[]): Promise<this> {
    for (const channel of channels) this.#wanted.add(channel);
    await this.#connect();
    await this.#waitUntil(() => [...this.#wanted].every((channel) => this.#isSubscribed(channel)));
    return this;
  }

  async subscribe(channel: string): Promise<void> {
    this.#wanted.add(channel);
    if (this.#wire !== undefined) this.#subscribe(channel);
    await this.#waitUntil(() => this.#isSubscribed(channel) || !this.#wanted.has(channel));
  }

  /** Unsubscribes; resolves when the server has processed it, or the socket is closed. */
  async unsubscribe(channel: string): Promise<void> {
    this.#wanted.delete(channel);
    const subscription = this.#current.get(channel);
    const wire = this.#wire;
    if (subscription === undefined || wire === undefined) return;
    this.#end(subscription);
    wire.send({ event: 'pusher:unsubscribe', data: { channel } });
    await new Promise<void>((resolve) => {
      this.#pongs.push(() => {
        subscription.isEnded = true;
        resolve();
      });
      wire.send({ event: 'pusher:ping', data: {} });
    });
  }

  /** Closes without a reconnect. `abruptly`: without a close frame, as when the device loses its network. */
  async close(abruptly = false): Promise<void> {
    this.#isClosing = true;
    this.#wanted.clear();
    await this.#reconnecting;
    if (abruptly) this.#wire?.drop();
    else await this.#wire?.close();
    this.#closed();
  }

  #isSubscribed(channel: string): boolean {
    return (this.#current.get(channel)?.sinceMs ?? Infinity) !== Infinity;
  }

  #waitUntil(holds: () => boolean): Promise<void> {
    const missing = (): string => [...this.#wanted].filter((channel) => !this.#isSubscribed(channel)).join();
    return eventually(
      holds,
      () => `${this.user} on node ${this.node.index} is subscribed to ${missing()}: ${this.#lastError}`,
      15_000,
    );
  }

  async #connect(): Promise<void> {
    const { endpoint } = this.node;
    const wire = await Wire.open(
      endpoint,
      `/app/${endpoint.key}?protocol=7&client=js&version=8.6.0&flash=false`,
    );
    this.#wire = wire;
    this.#read = 0;
    wire.socket.on('message', () => this.#readFrames(wire));
    void wire.closed.then(({ code }) => {
      this.closings.push(code);
      if (this.#wire === wire) this.#closed();
      if (!this.#isClosing) this.#reconnecting = this.#reconnect();
    });
    this.#readFrames(wire);
  }

  #closed(): void {
    this.#wire = undefined;
    for (const subscription of this.#current.values()) this.#end(subscription);
    this.#current = new Map();
    for (const pong of this.#pongs.splice(0)) pong();
  }

  async #reconnect(): Promise<void> {
    while (!this.#isClosing) {
      await sleep(50 + Math.random() * 150);
      this.node = this.#pickNode();
      const isConnected = await this.#connect().then(
        () => true,
        () => false,
      );
      if (isConnected) return;
    }
  }

  #end(subscription: ClusterSubscription): void {
    if (subscription.untilMs !== Infinity) return;
    subscription.untilMs = performance.now();
    this.#observer.closed(subscription);
  }

  #subscribe(channel: string): void {
    if (this.#current.get(channel)?.untilMs === Infinity) return;
    const isPresence = channel.startsWith('presence-');
    const subscription: ClusterSubscription = {
      client: this.user,
      ...(isPresence && { user: this.user }),
      socket: this.#wire?.socketId ?? '',
      server: nodeName(this.node),
      channel,
      sinceMs: Infinity,
      untilMs: Infinity,
      received: [],
      memberChanges: [],
      owner: this,
      node: this.node,
      isEnded: false,
    };
    this.#current.set(channel, subscription);
    this.subscriptions.push(subscription);
    this.#observer.opened(subscription);
    const data = { user_id: this.user, user_info: { name: this.user } };
    const channelData = isPresence ? JSON.stringify(data) : undefined;
    const isSigned = /^(private|presence)-/.test(channel);
    this.#wire?.send({
      event: 'pusher:subscribe',
      data: {
        channel,
        ...(isSigned && { auth: channelAuth(APP, this.#wire.socketId, channel, channelData) }),
        ...(channelData !== undefined && { channel_data: channelData }),
      },
    });
  }

  #readFrames(wire: Wire): void {
    while (this.#read < wire.texts.length) {
      const frame = JSON.parse(wire.texts[this.#read] ?? '') as Frame;
      this.#read += 1;
      if (frame.event === 'pusher:connection_established') {
        wire.socketId = (dataOf(frame) as { socket_id: string }).socket_id;
        for (const channel of this.#wanted) this.#subscribe(channel);
      } else if (frame.event === 'pusher:pong') this.#pongs.shift()?.();
      else if (frame.event === 'pusher:error') this.#receiveError(frame);
      else if (typeof frame.channel === 'string') this.#receive(frame.channel, frame);
    }
  }

  #receiveError(frame: Frame): void {
    const { code } = (typeof frame.data === 'string' ? dataOf(frame) : frame.data) as { code?: number };
    this.#lastError = JSON.stringify(frame);
    // A node that shuts down sends 4200: the client has to reconnect.
    if (code !== 4200) this.#observer.reportViolation(`${this.user} received ${JSON.stringify(frame)}`);
  }

  #receive(channel: string, frame: Frame): void {
    const subscription = this.#current.get(channel);
    if (subscription === undefined || subscription.isEnded) {
      this.#observer.reportViolation(
        `I4 ${this.user} is not on ${channel} and received ${String(frame.event)}`,
      );
      return;
    }
    if (frame.event === 'pusher:subscription_error') this.#lastError = JSON.stringify(frame);
    const data = dataOf(frame) as Record<string, unknown>;
    if (frame.event === 'pusher_internal:subscription_succeeded') this.#succeeded(subscription, data);
    else if (frame.event === 'pusher_internal:member_added')
      this.#changed(subscription, String(data.user_id), 'added');
    else if (frame.event === 'pusher_internal:member_removed')
      this.#changed(subscription, String(data.user_id), 'removed');
    else if (frame.event === CLUSTER_EVENT) this.#event(subscription, data);
  }

  #succeeded(subscription: ClusterSubscription, data: Record<string, unknown>): void {
    subscription.sinceMs = performance.now();
    const presence = data.presence as { ids: string[] } | undefined;
    if (presence !== undefined) subscription.roster = presence.ids;
  }

  #event({ sinceMs, channel, received }: ClusterSubscription, data: Record<string, unknown>): void {
    if (sinceMs === Infinity)
      this.#observer.reportViolation(`3.4 an event was received before subscription_succeeded on ${channel}`);
    received.push({ number: data.n as number, atMs: performance.now(), data });
  }

  #changed({ memberChanges }: ClusterSubscription, user: string, kind: MemberChange['kind']): void {
    memberChanges.push({ user, kind, atMs: performance.now() });
  }
}
