import { randomBytes } from 'node:crypto';
import { isJsonObject, parseJson } from '#protocol';
import type { Broker, ChannelRef } from '../../../core/ports/events.ts';
import type { BridgeLimits } from '../limits.ts';
import type { Copy } from '../ports/echoes.ts';

/** Receives the notes of other nodes. No member may throw. */
export interface NoteReceiver {
  foreignExpected(id: string, copies: readonly Copy[]): void;
  foreignAnswered(id: string): void;
}

/** Connections of one node to the upstream. */
export interface UpstreamSockets {
  /** Those of its bridge and its canary. */
  readonly own: number;
  /** Those of browsers that it proxies. */
  readonly proxied: number;
  /** Its bridge is connected, and subscribed to the channels of this node's clients. */
  readonly isBridged: boolean;
}

const NO_SOCKETS: UpstreamSockets = { own: 0, proxied: 0, isBridged: false };

/** Time after which the numbers of a node expire: it has ended. Each node publishes them again in less than half of it. */
const SOCKETS_KNOWN_MS = 30_000;
const SOCKETS_AGAIN_MS = 10_000;
/** More nodes than any cluster has. */
const MOST_NODES = 1000;

export const NOTES_CHANNEL = '#bridge';
/** Prefix of each note; the payload of an event is an object and never begins so. */
const MARK = 'wavehall-bridge ';
/** Notes kept for a node that reads missed ones after a short loss of Redis. */
const KEEP = { size: 1000, ttlSeconds: 60 };

/**
 * SPEC 11.8: notes between the bridges of all nodes, over a channel of the cluster that no client can subscribe to.
 * Notes keep their order, so a mark that comes back proves that every note published before it has been received.
 */
export class NodeNotes {
  readonly #ref: ChannelRef;
  readonly #broker: Broker;
  readonly #limits: BridgeLimits;
  #receiver: NoteReceiver | undefined;
  readonly #node = randomBytes(9).toString('base64url');
  readonly #marks = new Map<string, () => void>();
  readonly #sockets = new Map<string, UpstreamSockets & { readonly atMs: number }>();
  #sent: UpstreamSockets & { readonly atMs: number } = { ...NO_SOCKETS, atMs: -Infinity };
  #number = 0;

  constructor(deps: { app: string; broker: Broker; limits: BridgeLimits }) {
    this.#ref = { app: deps.app, channel: NOTES_CHANNEL };
    this.#broker = deps.broker;
    this.#limits = deps.limits;
  }

  nextId(): string {
    this.#number += 1;
    return `${this.#node}.${this.#number}`;
  }

  async start(receiver: NoteReceiver): Promise<void> {
    this.#receiver = receiver;
    await this.#broker.subscribe(this.#ref);
  }

  async stop(): Promise<void> {
    if (!hasNoSockets(this.#sent)) await this.#publish(this.#socketsNote(NO_SOCKETS));
    await this.#broker.unsubscribe(this.#ref).catch(() => undefined);
  }

  /** Announces echoes. Resolves when the broker has taken the note, or cannot take anything at the moment. */
  expect(id: string, copies: readonly Copy[]): Promise<void> {
    const list = copies.map(({ channel, key, user }) => [channel, key, user ?? null]);
    return this.#publish({ kind: 'expect', id, copies: list });
  }

  /** Ends the announcement of that id. */
  answered(id: string): Promise<void> {
    return this.#publish({ kind: 'answered', id });
  }

  /** Publishes how many connections to the upstream this node has: when the numbers change, and every 10 s. */
  publishSockets(sockets: UpstreamSockets): void {
    const nowMs = Date.now();
    const isKnown = hasNoSockets(sockets) || nowMs - this.#sent.atMs < SOCKETS_AGAIN_MS;
    if (isKnown && areSameSockets(sockets, this.#sent)) return;
    this.#sent = { ...sockets, atMs: nowMs };
    void this.#publish(this.#socketsNote(sockets));
  }

  /** Connections of the other nodes to the upstream, and how many of those nodes are bridged. */
  get others(): { readonly own: number; readonly proxied: number; readonly bridges: number } {
    const sinceMs = Date.now() - SOCKETS_KNOWN_MS;
    const sum = { own: 0, proxied: 0, bridges: 0 };
    for (const [node, { own, proxied, isBridged, atMs }] of this.#sockets) {
      if (atMs < sinceMs) this.#sockets.delete(node);
      else {
        sum.own += own;
        sum.proxied += proxied;
        sum.bridges += isBridged ? 1 : 0;
      }
    }
    return sum;
  }

  /** Resolves when every note that was published before has been received, or after `noteWaitMs`. */
  async mark(): Promise<void> {
    const id = this.nextId();
    const timer = setTimeout(() => this.#marked(id), this.#limits.noteWaitMs);
    const back = new Promise<void>((resolve) => this.#marks.set(id, resolve));
    this.#broker.publish(this.#ref, this.#event({ kind: 'mark', id }), KEEP).catch(() => this.#marked(id));
    await back;
    clearTimeout(timer);
  }

  /** False when the event is not a note. */
  receive(ref: ChannelRef, payload: string): boolean {
    if (ref.channel !== NOTES_CHANNEL) return false;
    if (payload.startsWith(MARK)) this.#read(parseJson(payload.slice(MARK.length)));
    return true;
  }

  #read(note: unknown): void {
    if (!isJsonObject(note) || typeof note.id !== 'string') return;
    const isOwn = note.id.startsWith(`${this.#node}.`);
    if (note.kind === 'mark' && isOwn) this.#marked(note.id);
    else if (note.kind === 'expect' && !isOwn)
      this.#receiver?.foreignExpected(note.id, copiesIn(note.copies));
    else if (note.kind === 'answered' && !isOwn) this.#receiver?.foreignAnswered(note.id);
    else if (note.kind === 'sockets' && !isOwn) this.#receiveSockets(note.id.split('.')[0] ?? '', note);
  }

  #receiveSockets(node: string, note: Readonly<Record<string, unknown>>): void {
    const [own, proxied] = [countIn(note.count), countIn(note.led ?? 0)];
    if (own === undefined || proxied === undefined) return;
    const sockets = { own, proxied, isBridged: note.isBridged === true };
    this.#sockets.delete(node);
    if (hasNoSockets(sockets) || this.#sockets.size >= MOST_NODES) return;
    this.#sockets.set(node, { ...sockets, atMs: Date.now() });
  }

  #marked(id: string): void {
    this.#marks.get(id)?.();
    this.#marks.delete(id);
  }

  async #publish(note: object): Promise<void> {
    await this.#broker.publish(this.#ref, this.#event(note), KEEP).catch(() => undefined);
  }

  /** `count` and `led` are the names that nodes of every version read. */
  #socketsNote({ own, proxied, isBridged }: UpstreamSockets): object {
    return { kind: 'sockets', id: this.nextId(), count: own, led: proxied, isBridged };
  }

  #event(note: object): { payload: string } {
    return { payload: MARK + JSON.stringify(note) };
  }
}

const hasNoSockets = ({ own, proxied, isBridged }: UpstreamSockets): boolean =>
  own === 0 && proxied === 0 && !isBridged;

const areSameSockets = (one: UpstreamSockets, other: UpstreamSockets): boolean =>
  one.own === other.own && one.proxied === other.proxied && one.isBridged === other.isBridged;

const countIn = (value: unknown): number | undefined =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : undefined;

function copiesIn(value: unknown): Copy[] {
  if (!Array.isArray(value)) return [];
  return value.flatMap((copy: unknown) => {
    const [channel, key, user] = Array.isArray(copy) ? (copy as unknown[]) : [];
    if (typeof channel !== 'string' || typeof key !== 'string') return [];
    return { channel, key, user: typeof user === 'string' ? user : undefined };
  });
}
