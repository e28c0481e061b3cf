import { APP } from './app.ts';
import type { TestNode } from './cluster.ts';
import { type Frame, Wire, dataOf, eventually } from './wire.ts';
import { channelAuth } from './wire-http.ts';
import { sleep } from '../../src/core/util/time.ts';

/** One subscription of one socket, and everything that was heard on it. */
export interface Stay {
  readonly channel: string;
  readonly visitor: ClusterClient;
  readonly node: TestNode;
  /** When `subscription_succeeded` arrived. */
  sinceMs: number | undefined;
  /** Asked to leave, or the socket closed. */
  isOver: boolean;
  /** The server has confirmed by a pong that it is past our leaving. */
  isGone: boolean;
  /** Numbers of the events, as they came. */
  readonly seen: number[];
  /** Members, as this client received them; presence channels only. */
  members: Set<string> | undefined;
  /** News of members, per user. */
  readonly news: Map<string, number>;
}

/** Receives the sockets of all clients as they open and close, to compare them with what the cluster reports. */
export interface ClientObserver {
  opened(stay: Stay): void;
  closed(stay: Stay): void;
  complain(what: string): void;
}

/**
 * A client as pusher-js is one: it comes back when its socket closes, to any node that is up, and enters its channels
 * again. It keeps the roster that it was told, and complains about what cannot be.
 */
export class ClusterClient {
  readonly user: string;
  readonly stays: Stay[] = [];
  readonly closings: number[] = [];
  node: TestNode;
  readonly #pick: () => TestNode;
  readonly #watcher: ClientObserver;
  readonly #wanted = new Set<string>();
  #wire: Wire | undefined;
  #current = new Map<string, Stay>();
  #read = 0;
  #pongs: (() => void)[] = [];
  #isQuitting = false;
  /** Last refusal or message of the server. */
  #refusal = 'nothing was refused';
  #returning: Promise<void> | undefined;

  constructor(user: string, home: TestNode, pick: () => TestNode, watcher: ClientObserver) {
    this.user = user;
    this.node = home;
    this.#pick = pick;
    this.#watcher = watcher;
  }

  /** The subscriptions that stand now. */
  get standing(): readonly Stay[] {
    return [...this.#current.values()].filter(({ sinceMs, isOver }) => sinceMs !== undefined && !isOver);
  }

  get isConnected(): boolean {
    return this.#wire !== undefined;
  }

  /** Connects and enters; resolves when it is on all of them. */
  async arrive(channels: readonly string[]): Promise<this> {
    for (const channel of channels) this.#wanted.add(channel);
    await this.#connect();
    await this.#settled(() => [...this.#wanted].every((channel) => this.#isOn(channel)));
    return this;
  }

  async enter(channel: string): Promise<void> {
    this.#wanted.add(channel);
    if (this.#wire !== undefined) this.#subscribe(channel);
    await this.#settled(() => this.#isOn(channel) || !this.#wanted.has(channel));
  }

  /** Resolves when the server has processed it, or the socket is gone. */
  async leave(channel: string): Promise<void> {
    this.#wanted.delete(channel);
    const stay = this.#current.get(channel);
    const wire = this.#wire;
    if (stay === undefined || wire === undefined) return;
    this.#over(stay);
    wire.send({ event: 'pusher:unsubscribe', data: { channel } });
    await new Promise<void>((resolve) => {
      this.#pongs.push(() => {
        stay.isGone = true;
        resolve();
      });
      wire.send({ event: 'pusher:ping', data: {} });
    });
  }

  /** Closes for good. `abruptly`: as when the device loses its network. */
  async quit(abruptly = false): Promise<void> {
    this.#isQuitting = true;
    this.#wanted.clear();
    await this.#returning;
    if (abruptly) this.#wire?.drop();
    else await this.#wire?.close();
    this.#closed();
  }

  #isOn(channel: string): boolean {
    return this.#current.get(channel)?.sinceMs !== undefined;
  }

  #settled(holds: () => boolean): Promise<void> {
    const waits = (): string => [...this.#wanted].filter((channel) => !this.#isOn(channel)).join();
    return eventually(
      holds,
      () => `${this.user} on node ${this.node.index} is on ${waits()}: ${this.#refusal}`,
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
    wire.socket.on('message', () => this.#hear(wire));
    void wire.closed.then(({ code }) => {
      this.closings.push(code);
      if (this.#wire === wire) this.#closed();
      if (!this.#isQuitting) this.#returning = this.#comeBack();
    });
    this.#hear(wire);
  }

  #closed(): void {
    this.#wire = undefined;
    for (const stay of this.#current.values()) this.#over(stay);
    this.#current = new Map();
    for (const pong of this.#pongs.splice(0)) pong();
  }

  async #comeBack(): Promise<void> {
    while (!this.#isQuitting) {
      await sleep(50 + Math.random() * 150);
      this.node = this.#pick();
      const isBack = await this.#connect().then(
        () => true,
        () => false,
      );
      if (isBack) return;
    }
  }

  #over(stay: Stay): void {
    if (stay.isOver) return;
    stay.isOver = true;
    this.#watcher.closed(stay);
  }

  #subscribe(channel: string): void {
    if (this.#current.get(channel)?.isOver === false) return;
    const stay: Stay = {
      channel,
      visitor: this,
      node: this.node,
      sinceMs: undefined,
      isOver: false,
      isGone: false,
      seen: [],
      members: undefined,
      news: new Map(),
    };
    this.#current.set(channel, stay);
    this.stays.push(stay);
    this.#watcher.opened(stay);
    const data = { user_id: this.user, user_info: { name: this.user } };
    const channelData = channel.startsWith('presence-') ? JSON.stringify(data) : undefined;
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

  #hear(wire: Wire): void {
    while (this.#read < wire.texts.length) {
      const frame = JSON.parse(wire.texts[this.#read] ?? '') as Frame;
      this.#read += 1;
      if (frame.event === 'pusher:connection_established') {
        wire.socketId = (dataOf(frame) as { socket_id: string }).socket_id;
        for (const channel of this.#wanted) this.#subscribe(channel);
      } else if (frame.event === 'pusher:pong') this.#pongs.shift()?.();
      else if (frame.event === 'pusher:error') this.#erred(frame);
      else if (typeof frame.channel === 'string') this.#heard(frame.channel, frame);
    }
  }

  #erred(frame: Frame): void {
    const { code } = (typeof frame.data === 'string' ? dataOf(frame) : frame.data) as { code?: number };
    this.#refusal = JSON.stringify(frame);
    // Being asked to come again is how nodes end.
    if (code !== 4200) this.#watcher.complain(`${this.user} got ${JSON.stringify(frame)}`);
  }

  #heard(channel: string, frame: Frame): void {
    const stay = this.#current.get(channel);
    if (stay === undefined || stay.isGone) {
      this.#watcher.complain(`I4 ${this.user} is not on ${channel} and got ${String(frame.event)}`);
      return;
    }
    if (frame.event === 'pusher:subscription_error') this.#refusal = JSON.stringify(frame);
    const data = dataOf(frame) as Record<string, unknown>;
    if (frame.event === 'pusher_internal:subscription_succeeded') this.#succeeded(stay, data);
    else if (frame.event === 'pusher_internal:member_added') this.#news(stay, String(data.user_id), true);
    else if (frame.event === 'pusher_internal:member_removed') this.#news(stay, String(data.user_id), false);
    else if (frame.event === 'counted') this.#event(stay, data.n as number);
  }

  #succeeded(stay: Stay, data: Record<string, unknown>): void {
    stay.sinceMs = performance.now();
    const presence = data.presence as { ids: string[] } | undefined;
    if (presence !== undefined) stay.members = new Set(presence.ids);
  }

  #event(stay: Stay, number: number): void {
    if (stay.sinceMs === undefined)
      this.#watcher.complain(`3.4 an event came before the success on ${stay.channel}`);
    stay.seen.push(number);
  }

  /** I6: who comes was not there, who goes was there. */
  #news({ members, news, channel, node }: Stay, user: string, came: boolean): void {
    news.set(user, (news.get(user) ?? 0) + 1);
    if (members?.has(user) === came) {
      const what = came ? 'came though he was there' : 'went though he was not there';
      this.#watcher.complain(`I6 ${user} ${what}: ${channel}, told to ${this.user} by node ${node.index}`);
    }
    if (came) members?.add(user);
    else members?.delete(user);
  }
}
