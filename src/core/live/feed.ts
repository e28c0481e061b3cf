import { isReservedChannel, userOfChannel } from '#protocol';
import type { ChannelEvent, ChannelRef } from '../ports/events.ts';
import type { LogExample } from '../util/minute-log.ts';
import { type LiveFilter, type LiveLine, matches } from './line.ts';

/** Lines that are kept for the viewers; a viewer that reads later than that loses some. */
export const MAX_KEPT_LINES = 2000;
/** Lines of a second; further ones are counted as left out. An event may have two, so deliveries are counted apart. */
export const MAX_LINES_PER_SECOND = 1000;
const MAX_PAYLOAD_CHARS = 1024;
/** A viewer that has not read for so long is gone. */
const VIEWER_MS = 3000;
const MAX_VIEWERS = 1000;

/** Place of a viewer in the feed. */
export interface LiveCursor {
  /** Number of the last line that it has read. */
  readonly line: number;
  /** Lines that were left out when it read. */
  readonly leftOut: number;
}

export interface LiveRead {
  readonly lines: readonly LiveLine[];
  readonly cursor: LiveCursor;
  /** Lines that the viewer did not get since its last read. */
  readonly leftOut: number;
}

/** A connection, as its lines show it. */
interface LiveConnection {
  readonly app: { readonly id: string };
  readonly socketId: string;
  readonly socket: { readonly remoteAddress: string };
  readonly openedAtMs: number;
  readonly subscriptions: { readonly length: number };
}

interface LiveSubscription {
  readonly connection: Pick<LiveConnection, 'socketId'>;
  readonly ref: ChannelRef;
  readonly member: { readonly id: string } | undefined;
}

/** Sender of an event: `socket` is the client that sent it, `trace` the id of the event (SPEC 16.1). */
interface LiveSender {
  readonly source: string;
  readonly socket?: string | undefined;
  readonly trace?: string | undefined;
}

interface Viewer {
  readonly filter: LiveFilter;
  readonly untilMs: number;
}

type NewLine = Omit<LiveLine, 'atMs'> & Pick<LiveLine, 'type'>;

interface Budget {
  secondMs: number;
  lines: number;
}

/**
 * Feed of what clients and publishers do on this node, for viewers who look now. Without a viewer each place that could add a line
 * looks at `isWatched` alone. Bounded in lines kept, in lines a second and in viewers.
 */
export class LiveFeed {
  /** False when no viewer looks: callers add nothing then. */
  isWatched = false;
  #hasPayload = false;
  readonly #viewers = new Map<string, Viewer>();
  #lines: LiveLine[] = [];
  /** Number of the newest line, and of all that were left out. */
  #last = 0;
  #leftOut = 0;
  readonly #budgets: Record<'delivered' | 'others', Budget> = {
    delivered: { secondMs: 0, lines: 0 },
    others: { secondMs: 0, lines: 0 },
  };
  #end: NodeJS.Timeout | undefined;

  /** Returns the lines since the cursor; `undefined`: since now. A viewer counts as one until 3 s after its last read. */
  read(viewer: string, filter: LiveFilter, since: LiveCursor | undefined): LiveRead {
    this.#keep(viewer, filter);
    const cursor = { line: this.#last, leftOut: this.#leftOut };
    if (since === undefined) return { lines: [], cursor, leftOut: 0 };
    const wanted = Math.max(0, this.#last - since.line);
    const lines = wanted === 0 ? [] : this.#lines.slice(-wanted);
    const leftOut = wanted - lines.length + this.#leftOut - since.leftOut;
    return {
      lines: lines
        .filter((line) => matches(filter, line))
        .map((line) => (filter.payload ? line : { ...line, payload: undefined })),
      cursor,
      leftOut,
    };
  }

  connected({ app, socketId, socket }: LiveConnection): void {
    this.#add({ type: 'connected', app: app.id, socket: socketId, address: socket.remoteAddress });
  }

  disconnected(
    { app, socketId, openedAtMs, subscriptions }: LiveConnection,
    code: number,
    cause: string,
  ): void {
    this.#add({
      type: 'disconnected',
      app: app.id,
      socket: socketId,
      code,
      cause,
      seconds: Math.max(0, Math.round((Date.now() - openedAtMs) / 1000)),
      channels: subscriptions.length,
    });
  }

  subscribed(subscription: LiveSubscription): void {
    this.#addSubscription('subscribed', subscription);
  }

  unsubscribed(subscription: LiveSubscription): void {
    this.#addSubscription('unsubscribed', subscription);
  }

  /** The first subscriber of this process came to a channel, or the last one left. */
  occupancy(type: 'occupied' | 'vacated', { app, channel }: ChannelRef): void {
    if (!isReservedChannel(channel)) this.#add({ type, app, channel });
  }

  /** A member joined a presence channel or left it; each process with subscribers of the channel notes it. */
  memberChanged({ app, channel }: ChannelRef, { payload, memberChange, except }: ChannelEvent): void {
    if (memberChange === undefined) return;
    const { id: user, joined } = memberChange;
    const type = joined ? 'member_added' : 'member_removed';
    this.#add({ type, app, channel, user, socket: except, digest: digestOf(payload) });
  }

  /** A client came to a cache channel that has no event. */
  cacheMissed({ app, channel }: ChannelRef): void {
    this.#add({ type: 'cache_miss', app, channel });
  }

  /** A request to an endpoint of webhooks ended; `details` have its name and its events, never its URL. */
  webhook(
    type: 'webhook_sent' | 'webhook_failed',
    details: Readonly<Record<string, string | number | undefined>>,
  ): void {
    this.#add({ type, ...details });
  }

  /** An event was taken on this node. */
  published(ref: ChannelRef, { payload, except }: ChannelEvent, { source, socket, trace }: LiveSender): void {
    const details = { source, socket, trace, except: socket === undefined ? except : undefined };
    this.#addEvent('published', ref, payload, details);
  }

  /** An event was written to so many sockets of this node. */
  delivered(ref: ChannelRef, { payload, memberChange }: ChannelEvent, sockets: number): void {
    if (memberChange === undefined) this.#addEvent('delivered', ref, payload, { sockets });
  }

  refused(reason: string, example: LogExample): void {
    this.#add({ ...example, type: 'refused', reason });
  }

  #addSubscription(type: 'subscribed' | 'unsubscribed', { connection, ref, member }: LiveSubscription): void {
    const { app, channel } = ref;
    this.#add({ type, app, channel, socket: connection.socketId, user: member?.id });
  }

  #addEvent(
    type: 'published' | 'delivered',
    { app, channel }: ChannelRef,
    frame: string,
    details: Readonly<Record<string, string | number | undefined>>,
  ): void {
    if (isReservedChannel(channel) && userOfChannel(channel) === undefined) return;
    const event = eventName(frame);
    const names = { type, app, channel, event };
    // First: of a flood most events make no line, and what is read of their frames costs more than this.
    if (event.startsWith('pusher') || !this.#takesLine(names)) return;
    const payload = this.#hasPayload ? dataOf(frame) : undefined;
    const bytes = Buffer.byteLength(frame);
    this.#push({ ...names, bytes, digest: digestOf(frame), ...details, payload });
  }

  #add(line: NewLine): void {
    if (this.#takesLine(line)) this.#push(line);
  }

  /** False for a line that nobody wants, and beyond the budget of the second. */
  #takesLine(line: NewLine): boolean {
    const atMs = Date.now();
    if (!this.#isWanted(line)) return false;
    const budget = this.#budgets[line.type === 'delivered' ? 'delivered' : 'others'];
    if (atMs - budget.secondMs >= 1000) Object.assign(budget, { secondMs: atMs, lines: 0 });
    if (budget.lines >= MAX_LINES_PER_SECOND) {
      this.#leftOut += 1;
      return false;
    }
    budget.lines += 1;
    return true;
  }

  #push(line: NewLine): void {
    this.#last += 1;
    if (this.#lines.push({ ...line, atMs: Date.now() }) >= 2 * MAX_KEPT_LINES)
      this.#lines = this.#lines.slice(-MAX_KEPT_LINES);
  }

  #isWanted(line: Partial<LiveLine>): boolean {
    for (const { filter } of this.#viewers.values()) if (matches(filter, line)) return true;
    return false;
  }

  #keep(viewer: string, filter: LiveFilter): void {
    if (!this.#viewers.has(viewer) && this.#viewers.size >= MAX_VIEWERS) return;
    this.#viewers.set(viewer, { filter, untilMs: Date.now() + VIEWER_MS });
    this.#update();
  }

  #update(): void {
    const now = Date.now();
    for (const [id, { untilMs }] of this.#viewers) if (untilMs <= now) this.#viewers.delete(id);
    this.isWatched = this.#viewers.size > 0;
    this.#hasPayload = [...this.#viewers.values()].some(({ filter }) => filter.payload);
    if (!this.isWatched) this.#lines = [];
    clearTimeout(this.#end);
    this.#end = this.isWatched ? setTimeout(() => this.#update(), VIEWER_MS).unref() : undefined;
  }
}

/** Name of the event of a frame that this server has encoded. */
function eventName(frame: string): string {
  const [, name] = /^\{"event":("(?:[^"\\]|\\.)*")/.exec(frame) ?? [];
  return name === undefined ? '' : (JSON.parse(name) as string);
}

/** Data of a frame, cut. */
function dataOf(frame: string): string {
  const { data } = JSON.parse(frame) as { data?: unknown };
  return (typeof data === 'string' ? data : JSON.stringify(data)).slice(0, MAX_PAYLOAD_CHARS);
}

/** Recognises the deliveries of an event on other workers (FNV-1a over its beginning and end, and its length). */
function digestOf(frame: string): string {
  let sum = 0x811c9dc5;
  const text = frame.length > 2048 ? frame.slice(0, 1024) + frame.slice(-1024) : frame;
  for (let at = 0; at < text.length; at += 1) sum = Math.imul(sum ^ text.charCodeAt(at), 0x01000193);
  return `${frame.length}-${sum >>> 0}`;
}
