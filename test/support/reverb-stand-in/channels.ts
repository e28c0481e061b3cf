import { hmacHex } from '../wire-http.ts';
import { isArray, isEmpty, phpJson, phpObject } from './php.ts';
import type { StandInApp } from './settings.ts';

/** Error with its own code for the client; any other error is sent as 4200. */
export class ProtocolError extends Error {
  readonly code: number;
  constructor(code: number, message: string) {
    super(message);
    this.code = code;
  }
}

const textOf = (value: unknown): string =>
  typeof value === 'string' ? value : JSON.stringify(value ?? null);

/** A socket of a channel. */
export interface Peer {
  readonly id: string;
  send(text: string): void;
  end(): void;
}

/** Data of a member: the channel_data of its subscription. */
type MemberData = Readonly<Record<string, unknown>>;

export type Payload = Readonly<Record<string, unknown>>;

/** Like Reverb, reads the kind from the start of the name, in three of five cases without the dash. */
const kindOf = (name: string) => ({
  isPrivate: name.startsWith('private'),
  isPresence: name.startsWith('presence'),
  isCache: ['private-cache-', 'presence-cache-', 'cache'].some((prefix) => name.startsWith(prefix)),
});

export class StandInChannel {
  readonly name: string;
  readonly isPresence: boolean;
  readonly isCache: boolean;
  readonly #isSigned: boolean;
  readonly #peers = new Map<Peer, MemberData>();
  #cached: Payload | undefined;

  constructor(name: string) {
    this.name = name;
    const { isPrivate, isPresence, isCache } = kindOf(name);
    this.isPresence = isPresence;
    this.isCache = isCache;
    this.#isSigned = isPrivate || isPresence;
  }

  get size(): number {
    return this.#peers.size;
  }

  get peers(): ReadonlyMap<Peer, MemberData> {
    return this.#peers;
  }

  get cached(): Payload | undefined {
    return this.#cached;
  }

  subscribe(peer: Peer, app: StandInApp, auth: string | undefined, data: string | undefined): void {
    if (this.#isSigned) this.#verify(peer, app, auth ?? '', data);
    const member: unknown = isEmpty(data) ? {} : JSON.parse(data ?? '');
    if (!isArray(member)) throw new TypeError('channel_data is not an object');
    const isKnown = this.isPresence && this.#hasUser(member.user_id);
    this.#peers.set(peer, member);
    if (!this.isPresence || isKnown) return;
    this.#send({ event: 'pusher_internal:member_added', data: phpObject(member), channel: this.name }, peer);
  }

  unsubscribe(peer: Peer): void {
    const member = this.#peers.get(peer);
    this.#peers.delete(peer);
    if (!this.isPresence || member === undefined || isEmpty(member.user_id) || this.#hasUser(member.user_id))
      return;
    const data = phpJson({ user_id: member.user_id });
    this.broadcast({ event: 'pusher_internal:member_removed', data, channel: this.name }, peer);
  }

  /** Sends to all subscribers. A cache channel caches every broadcast, including client events and member_removed. */
  broadcast(payload: Payload, except?: Peer): void {
    if (this.isCache) this.#cached = payload;
    this.#send(payload, except);
  }

  /** Members with distinct users: the first of each. */
  users(): MemberData[] {
    const seen = new Set<string>();
    return [...this.#peers.values()].filter(({ user_id: id }) => {
      const key = textOf(id);
      return !seen.has(key) && seen.add(key);
    });
  }

  /** Data of subscription_succeeded. Like Reverb, throws for every subscriber while one member has no user_info. */
  succeededData(): string {
    if (!this.isPresence) return '{}';
    const users = this.users();
    if (users.some(({ user_id: id }) => id === undefined || id === null))
      return phpJson({ presence: { count: 0, ids: [], hash: [] } });
    const hash = new Map(
      users.map((member) => {
        if (!('user_info' in member)) throw new Error('Undefined array key "user_info"');
        return [String(member.user_id), member.user_info] as const;
      }),
    );
    return phpJson({ presence: { count: users.length, ids: users.map((member) => member.user_id), hash } });
  }

  #send(payload: Payload, except?: Peer): void {
    const text = phpJson(payload);
    for (const peer of [...this.#peers.keys()]) if (peer.id !== except?.id) peer.send(text);
  }

  #hasUser(id: unknown): boolean {
    if (isArray(id)) throw new TypeError('user_id is not a string');
    if (isEmpty(id)) return false;
    return [...this.#peers.values()].some(
      (member) => member.user_id !== undefined && textOf(member.user_id) === textOf(id),
    );
  }

  #verify(peer: Peer, app: StandInApp, auth: string, data: string | undefined): void {
    const signed = `${peer.id}:${this.name}${isEmpty(data) ? '' : `:${data ?? ''}`}`;
    const colon = auth.indexOf(':');
    if (hmacHex(app.secret, signed) !== (colon < 0 ? auth : auth.slice(colon + 1)))
      throw new ProtocolError(4009, 'Connection is unauthorized');
  }
}

/** Channels of one app, in order of creation. */
export class StandInChannels {
  readonly #all = new Map<string, StandInChannel>();

  get all(): StandInChannel[] {
    return [...this.#all.values()];
  }

  find(name: string): StandInChannel | undefined {
    return this.#all.get(name);
  }

  /** Like Reverb, creates the channel before the subscription is checked; a refused one leaves it empty. */
  findOrCreate(name: string): StandInChannel {
    const channel = this.#all.get(name) ?? new StandInChannel(name);
    this.#all.set(name, channel);
    return channel;
  }

  leave(channel: StandInChannel, peer: Peer): void {
    channel.unsubscribe(peer);
    if (channel.size === 0 && this.#all.get(channel.name) === channel) this.#all.delete(channel.name);
  }

  leaveAll(peer: Peer): void {
    for (const channel of this.all) this.leave(channel, peer);
  }

  /** Sockets with at least one channel, each with its member data on the first one. Reverb counts no others. */
  connections(): Map<Peer, MemberData> {
    const found = new Map<Peer, MemberData>();
    for (const channel of this.all)
      for (const [peer, member] of channel.peers) if (!found.has(peer)) found.set(peer, member);
    return found;
  }

  publish(names: readonly unknown[], payload: Payload, except?: Peer): void {
    for (const name of names) {
      const channel = this.#all.get(String(name));
      channel?.broadcast({ ...payload, channel: channel.name }, except);
    }
  }
}
