import { randomBytes } from 'node:crypto';
import { isJsonObject, parseJson } from '#protocol';
import type { Broker, ChannelRef } from '../../../core/ports/cluster.ts';
import type { BridgeLimits } from '../limits.ts';

/** One copy of an event that is about to be forwarded. */
export interface Copy {
  readonly channel: string;
  readonly key: string;
  readonly user: string | undefined;
}

/** What other nodes tell. No member may throw. */
export interface NoteListener {
  expect(id: string, copies: readonly Copy[]): void;
  answered(id: string): void;
}

/** Sockets of a node at the other side. */
export interface There {
  /** Sockets of its bridge and its canary. */
  readonly count: number;
  /** Sockets of browsers that it leads there. */
  readonly led: number;
  /** Its bridge is connected, and subscribed to the channels of this node's clients. */
  readonly isBridged: boolean;
}

const NOTHING_THERE: There = { count: 0, led: 0, isBridged: false };

/** A node that ended says nothing more: what it said counts for so long. It is said again in less than half of it. */
const SOCKETS_KNOWN_MS = 30_000;
const SOCKETS_AGAIN_MS = 10_000;
/** More nodes than there are. */
const MOST_NODES = 1000;

export const NOTES_CHANNEL = '#bridge';
/** No event looks like this: their payloads are objects. */
const MARK = 'wavehall-bridge ';
/** A node whose link was away for a moment reads what it missed. */
const KEEP = { size: 1000, ttlSeconds: 60 };

/**
 * SPEC 11.8: what the bridges of all nodes tell each other, over a channel of the cluster that no client can enter.
 * A mark comes back behind every note that was published before it.
 */
export class NodeNotes {
  readonly #ref: ChannelRef;
  readonly #broker: Broker;
  readonly #limits: BridgeLimits;
  readonly #ears: NoteListener;
  readonly #node = randomBytes(9).toString('base64url');
  readonly #marks = new Map<string, () => void>();
  readonly #sockets = new Map<string, There & { readonly atMs: number }>();
  #told: There & { readonly atMs: number } = { ...NOTHING_THERE, atMs: -Infinity };
  #number = 0;

  constructor(needs: { app: string; broker: Broker; limits: BridgeLimits; ears: NoteListener }) {
    this.#ref = { app: needs.app, channel: NOTES_CHANNEL };
    this.#broker = needs.broker;
    this.#limits = needs.limits;
    this.#ears = needs.ears;
  }

  nextId(): string {
    this.#number += 1;
    return `${this.#node}.${this.#number}`;
  }

  async start(): Promise<void> {
    await this.#broker.subscribe(this.#ref);
  }

  async stop(): Promise<void> {
    if (!isNothing(this.#told)) await this.#tell({ kind: 'sockets', id: this.nextId(), ...NOTHING_THERE });
    await this.#broker.unsubscribe(this.#ref).catch(() => undefined);
  }

  /** Resolves when the broker has taken it, or cannot: then nobody else hears of the event from it either. */
  expect(id: string, copies: readonly Copy[]): Promise<void> {
    const list = copies.map(({ channel, key, user }) => [channel, key, user ?? null]);
    return this.#tell({ kind: 'expect', id, copies: list });
  }

  answered(id: string): Promise<void> {
    return this.#tell({ kind: 'answered', id });
  }

  /** Tells the other nodes of the sockets that this node has at the other side: when they change, and now and then. */
  sockets(there: There): void {
    const nowMs = Date.now();
    const isKnown = isNothing(there) || nowMs - this.#told.atMs < SOCKETS_AGAIN_MS;
    if (isKnown && isSame(there, this.#told)) return;
    this.#told = { ...there, atMs: nowMs };
    void this.#tell({ kind: 'sockets', id: this.nextId(), ...there });
  }

  /** Sockets of the other nodes at the other side, and the number of their bridges there. */
  get others(): { readonly count: number; readonly led: number; readonly bridges: number } {
    const sinceMs = Date.now() - SOCKETS_KNOWN_MS;
    const sum = { count: 0, led: 0, bridges: 0 };
    for (const [node, { count, led, isBridged, atMs }] of this.#sockets) {
      if (atMs < sinceMs) this.#sockets.delete(node);
      else {
        sum.count += count;
        sum.led += led;
        sum.bridges += isBridged ? 1 : 0;
      }
    }
    return sum;
  }

  /** Resolves when every note that was published before has been heard, as far as that is possible. */
  async mark(): Promise<void> {
    const id = this.nextId();
    const timer = setTimeout(() => this.#marked(id), this.#limits.noteWaitMs);
    const back = new Promise<void>((resolve) => this.#marks.set(id, resolve));
    this.#broker.publish(this.#ref, this.#event({ kind: 'mark', id }), KEEP).catch(() => this.#marked(id));
    await back;
    clearTimeout(timer);
  }

  /** False: the event is no note. */
  heard(ref: ChannelRef, payload: string): boolean {
    if (ref.channel !== NOTES_CHANNEL) return false;
    if (payload.startsWith(MARK)) this.#read(parseJson(payload.slice(MARK.length)));
    return true;
  }

  #read(note: unknown): void {
    if (!isJsonObject(note) || typeof note.id !== 'string') return;
    const isOwn = note.id.startsWith(`${this.#node}.`);
    if (note.kind === 'mark' && isOwn) this.#marked(note.id);
    else if (note.kind === 'expect' && !isOwn) this.#ears.expect(note.id, copiesIn(note.copies));
    else if (note.kind === 'answered' && !isOwn) this.#ears.answered(note.id);
    else if (note.kind === 'sockets' && !isOwn) this.#heardSockets(note.id.split('.')[0] ?? '', note);
  }

  #heardSockets(node: string, note: Readonly<Record<string, unknown>>): void {
    const [count, led] = [countIn(note.count), countIn(note.led ?? 0)];
    if (count === undefined || led === undefined) return;
    const there = { count, led, isBridged: note.isBridged === true };
    this.#sockets.delete(node);
    if (isNothing(there) || this.#sockets.size >= MOST_NODES) return;
    this.#sockets.set(node, { ...there, atMs: Date.now() });
  }

  #marked(id: string): void {
    this.#marks.get(id)?.();
    this.#marks.delete(id);
  }

  async #tell(note: object): Promise<void> {
    await this.#broker.publish(this.#ref, this.#event(note), KEEP).catch(() => undefined);
  }

  #event(note: object): { payload: string } {
    return { payload: MARK + JSON.stringify(note) };
  }
}

const isNothing = ({ count, led, isBridged }: There): boolean => count === 0 && led === 0 && !isBridged;

const isSame = (one: There, other: There): boolean =>
  one.count === other.count && one.led === other.led && one.isBridged === other.isBridged;

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
