import { hmacHex } from '../wire-http.ts';
import { isArray, isEmpty, phpJson, phpObject } from './php.ts';
import type { StandInApp } from './settings.ts';

/** An answer with a code of its own; whatever else goes wrong is told as 4200. */
export class Refusal extends Error {
  readonly code: number;
  constructor(code: number, message: string) {
    super(message);
    this.code = code;
  }
}

const textOf = (value: unknown): string =>
  typeof value === 'string' ? value : JSON.stringify(value ?? null);

/** One socket, as channels see it. */
export interface Peer {
  readonly id: string;
  send(text: string): void;
  end(): void;
}

/** Data of a member, as its socket sent it when it subscribed. */
type Card = Readonly<Record<string, unknown>>;

export type Payload = Readonly<Record<string, unknown>>;

/** Reverb looks at the beginning of a name only, without the dash in three of five cases. */
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
  readonly #peers = new Map<Peer, Card>();
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

  get peers(): ReadonlyMap<Peer, Card> {
    return this.#peers;
  }

  get cached(): Payload | undefined {
    return this.#cached;
  }

  subscribe(peer: Peer, app: StandInApp, auth: string | undefined, data: string | undefined): void {
    if (this.#isSigned) this.#verify(peer, app, auth ?? '', data);
    const card: unknown = isEmpty(data) ? {} : JSON.parse(data ?? '');
    if (!isArray(card)) throw new TypeError('channel_data is no object');
    const isKnown = this.isPresence && this.#hasUser(card.user_id);
    this.#peers.set(peer, card);
    if (!this.isPresence || isKnown) return;
    this.#tell({ event: 'pusher_internal:member_added', data: phpObject(card), channel: this.name }, peer);
  }

  unsubscribe(peer: Peer): void {
    const card = this.#peers.get(peer);
    this.#peers.delete(peer);
    if (!this.isPresence || card === undefined || isEmpty(card.user_id) || this.#hasUser(card.user_id))
      return;
    const data = phpJson({ user_id: card.user_id });
    this.broadcast({ event: 'pusher_internal:member_removed', data, channel: this.name }, peer);
  }

  /** On a cache channel whatever is broadcast is kept, whispers and departures included. */
  broadcast(payload: Payload, except?: Peer): void {
    if (this.isCache) this.#cached = payload;
    this.#tell(payload, except);
  }

  /** Cards of distinct users: the first one counts. */
  users(): Card[] {
    const seen = new Set<string>();
    return [...this.#peers.values()].filter(({ user_id: id }) => {
      const key = textOf(id);
      return !seen.has(key) && seen.add(key);
    });
  }

  /** The data of subscription_succeeded. A member without user_info breaks it for everybody. */
  greeting(): string {
    if (!this.isPresence) return '{}';
    const users = this.users();
    if (users.some(({ user_id: id }) => id === undefined || id === null))
      return phpJson({ presence: { count: 0, ids: [], hash: [] } });
    const hash = new Map(
      users.map((card) => {
        if (!('user_info' in card)) throw new Error('Undefined array key "user_info"');
        return [String(card.user_id), card.user_info] as const;
      }),
    );
    return phpJson({ presence: { count: users.length, ids: users.map((card) => card.user_id), hash } });
  }

  #tell(payload: Payload, except?: Peer): void {
    const text = phpJson(payload);
    for (const peer of [...this.#peers.keys()]) if (peer.id !== except?.id) peer.send(text);
  }

  #hasUser(id: unknown): boolean {
    if (isArray(id)) throw new TypeError('user_id is no string');
    if (isEmpty(id)) return false;
    return [...this.#peers.values()].some(
      (card) => card.user_id !== undefined && textOf(card.user_id) === textOf(id),
    );
  }

  #verify(peer: Peer, app: StandInApp, auth: string, data: string | undefined): void {
    const signed = `${peer.id}:${this.name}${isEmpty(data) ? '' : `:${data ?? ''}`}`;
    const colon = auth.indexOf(':');
    if (hmacHex(app.secret, signed) !== (colon < 0 ? auth : auth.slice(colon + 1)))
      throw new Refusal(4009, 'Connection is unauthorized');
  }
}

/** The channels of one app, in the order in which they were first named. */
export class StandInChannels {
  readonly #all = new Map<string, StandInChannel>();

  get all(): StandInChannel[] {
    return [...this.#all.values()];
  }

  find(name: string): StandInChannel | undefined {
    return this.#all.get(name);
  }

  /** A subscription that is refused leaves its channel behind, empty. */
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

  /** Sockets that are on a channel, each with its card on the first of its channels: of others Reverb knows nothing. */
  connections(): Map<Peer, Card> {
    const found = new Map<Peer, Card>();
    for (const channel of this.all)
      for (const [peer, card] of channel.peers) if (!found.has(peer)) found.set(peer, card);
    return found;
  }

  publish(names: readonly unknown[], payload: Payload, except?: Peer): void {
    for (const name of names) {
      const channel = this.#all.get(String(name));
      channel?.broadcast({ ...payload, channel: channel.name }, except);
    }
  }
}
