import { isReservedChannel, kindOf } from '#protocol';
import { MinuteLog } from '../../../core/util/minute-log.ts';
import type { ChannelEvent, ChannelRef, Deliver } from '../../../core/ports/cluster.ts';
import type { Logger } from '../../../core/ports/logger.ts';
import { decodeMessage, type EventsMessage, type MemberMessage } from './message-codec.ts';
import type { InvalidData } from '../health/invalid-data.ts';
import type { ChannelKeys, Keys } from '../keys.ts';
import type { Links } from '../link/links.ts';
import { breakIn, gapIn, readMissed, readNewest } from './missed-events.ts';
import { inBatches } from './in-batches.ts';
import { afterGap, beginning, follows, type Place, type Position } from './position.ts';
import { isLasting } from '../link/errors.ts';

/** Messages of one channel that may wait; beyond, history has them. */
const MOST_WAITING = 10_000;
/** A link that is known to be down may have been deaf for so long before. */
const DEAF_MS = 30_000;

interface Waiting {
  readonly message: EventsMessage | MemberMessage;
  /** History was read after it was heard: what does not follow then never will. */
  isSettled: boolean;
}

interface Heard {
  readonly ref: ChannelRef;
  readonly keys: ChannelKeys;
  /** History has been asked: what is in it from then on concerns this node. */
  hasBegun: boolean;
  position: Position | undefined;
  /** Messages that wait while what was missed is read. */
  waiting: Waiting[] | undefined;
  reading: Promise<void>;
  /** From when on events may be missing; `undefined`: none is. */
  missingSinceMs: number | undefined;
}

/** Where news of members go. */
export interface MemberListener {
  heard(ref: ChannelRef, message: MemberMessage): void;
  /** The link was down, and hears again: news may have been missed. */
  reread(): void;
}

interface Needs {
  readonly links: Links;
  readonly keys: Keys;
  readonly logger: Logger;
  readonly garbage: InvalidData;
  readonly members: MemberListener;
  /** How long events of a channel are kept. */
  readonly historyTtlMs?: ((ref: ChannelRef) => number) | undefined;
}

/**
 * Hears the channels that this node has subscribers on. Events carry their place in the channel: a hole is filled from
 * history before anything newer is delivered, what came twice is delivered once. What history has lost is counted.
 */
export class Receiver {
  readonly #needs: Needs;
  readonly #channels = new Map<string, Heard>();
  #tell: Deliver = () => undefined;
  #lost = 0;
  readonly #unread: MinuteLog;
  #isBehind = false;

  constructor(needs: Needs) {
    this.#needs = needs;
    this.#unread = new MinuteLog({
      logger: needs.logger,
      what: 'What a channel missed cannot be read: it goes on with the newest event. See the reason, and the keys of the channel in Redis',
    });
    needs.links.subscriber.events.on('message', (bus, bytes) => this.#hear(bus, bytes));
    needs.links.subscriber.events.on('down', () => this.#deaf());
  }

  /** Where events go: one after another, in their order, each exactly once. */
  start(deliver: Deliver): void {
    this.#tell = deliver;
  }

  /** Events that were published and could be had nowhere any more. */
  get lostEvents(): number {
    return this.#lost;
  }

  /** Times that a history could not be read, and the channel went on with the newest event. */
  get unreadHistories(): number {
    return this.#unread.total;
  }

  /** Something could not be listened to or read though the link is up: `resume` is needed. */
  get isBehind(): boolean {
    return this.#isBehind;
  }

  /** Resolves once events published from now on will be delivered; when Redis is away, it will listen on return. */
  async subscribe(ref: ChannelRef): Promise<void> {
    const heard = this.#begin(ref);
    try {
      await this.#needs.links.subscriber.subscribe([heard.keys.bus]);
      await this.#catchUp(heard);
    } catch {
      this.#isBehind = true;
    }
  }

  async unsubscribe(ref: ChannelRef): Promise<void> {
    const { bus } = this.#needs.keys.channel(ref);
    this.#channels.delete(bus);
    await this.#needs.links.subscriber.unsubscribe(bus).catch(() => undefined);
  }

  /** The link is up again: listens to everything, then reads what was missed. Rejects when it breaks again. */
  async resume(): Promise<void> {
    this.#isBehind = false;
    const all = [...this.#channels.values()];
    for (const heard of all) heard.waiting ??= [];
    try {
      await this.#needs.links.subscriber.subscribe(all.map(({ keys }) => keys.bus));
      await inBatches(all, (heard) => this.#catchUp(heard));
    } catch (error) {
      this.#isBehind = true;
      throw error;
    }
    this.#needs.members.reread();
  }

  /** The names in Redis have changed: what is heard by an old one is heard by its new one from the next `resume` on. */
  rename(): void {
    for (const [bus, { ref }] of [...this.#channels]) {
      if (this.#needs.keys.channel(ref).bus === bus) continue;
      this.#channels.delete(bus);
      void this.#needs.links.subscriber.unsubscribe(bus).catch(() => undefined);
      this.#begin(ref);
      this.#isBehind = true;
    }
  }

  #begin(ref: ChannelRef): Heard {
    const keys = this.#needs.keys.channel(ref);
    const reading = Promise.resolve();
    const heard: Heard = {
      ref,
      keys,
      hasBegun: false,
      position: undefined,
      waiting: [],
      reading,
      missingSinceMs: undefined,
    };
    this.#channels.set(keys.bus, heard);
    return heard;
  }

  #deaf(): void {
    const sinceMs = performance.now() - DEAF_MS;
    for (const heard of this.#channels.values()) heard.missingSinceMs ??= sinceMs;
  }

  #hear(bus: string, bytes: Buffer): void {
    const heard = this.#channels.get(bus);
    if (heard === undefined) return;
    const message = decodeMessage(bytes);
    const isMisplaced = message?.kind === 'member' && !hasMembers(heard.ref.channel);
    if (message === undefined || isMisplaced) this.#needs.garbage.add(bus);
    else if (heard.waiting !== undefined) this.#wait(heard, heard.waiting, { message, isSettled: false });
    else this.#take(heard, { message, isSettled: false });
  }

  #wait(heard: Heard, line: Waiting[], waiting: Waiting): void {
    line.push(waiting);
    if (line.length <= MOST_WAITING) return;
    const dropped = line.shift()?.message;
    if (dropped?.kind === 'events' && dropped.position === undefined)
      this.#countLost(heard.ref, dropped.events.length);
  }

  #take(heard: Heard, waiting: Waiting): void {
    const { message } = waiting;
    if (message.kind === 'member') return this.#needs.members.heard(heard.ref, message);
    const { position: at, events } = message;
    if (at === undefined) return this.#deliver(heard, events);
    if (!follows(heard.position, at)) return this.#doubt(heard, waiting);
    const known = heard.position?.offset ?? 0;
    this.#deliver(heard, events.slice(Math.max(0, known + 1 - at.first)));
    const offset = Math.max(known, at.first + events.length - 1);
    heard.position = { epoch: at.epoch, generation: at.generation, offset };
  }

  /** It is not the next one: something was missed, or it is of data that is no more, or Redis never sent it. */
  #doubt(heard: Heard, waiting: Waiting): void {
    if (waiting.isSettled) return this.#needs.garbage.add(heard.keys.bus);
    heard.waiting = [waiting];
    const sinceMs = performance.now();
    this.#catchUp(heard).catch(() => {
      heard.missingSinceMs ??= sinceMs;
      this.#isBehind = true;
    });
  }

  /** One after another: what was missed is read, and delivered, once. */
  #catchUp(heard: Heard): Promise<void> {
    heard.reading = heard.reading
      .catch(() => undefined)
      .then(() => this.#read(heard).catch((error: unknown) => this.#skip(heard, error)));
    return heard.reading;
  }

  async #read(heard: Heard): Promise<void> {
    for (const each of (heard.waiting ??= [])) each.isSettled = true;
    await (heard.hasBegun ? this.#readMissed(heard) : this.#enter(heard));
  }

  /** A channel that is new here has missed nothing before what was heard of it. */
  async #enter(heard: Heard): Promise<void> {
    const said = await readNewest(this.#needs.links.commands, heard.keys);
    if (!this.#isHeard(heard)) return;
    if (said !== undefined) heard.position = beginning(said, placesIn(heard.waiting ?? []));
    heard.hasBegun = true;
    this.#release(heard);
  }

  /** Delivers what was missed up to now, a portion after the other, then what waited meanwhile. */
  async #readMissed(heard: Heard): Promise<void> {
    const { position: before, missingSinceMs } = heard;
    heard.missingSinceMs = undefined;
    try {
      for (let target: number | undefined; ;) {
        const missed = await readMissed(this.#needs.links.commands, heard.keys, heard.position, () =>
          eventsIn(heard.waiting ?? []),
        );
        if (!this.#isHeard(heard)) return;
        const missingMs = missingSinceMs && performance.now() - missingSinceMs;
        const isFirst = target === undefined;
        const ttlMs = this.#needs.historyTtlMs?.(heard.ref) ?? 0;
        const gap = isFirst ? gapIn(before, missed, missingMs, ttlMs) : breakIn(heard.position, missed);
        if (gap !== undefined) this.#countUnread(heard.ref, gap);
        this.#countLost(heard.ref, missed.lost);
        this.#deliver(heard, missed.events);
        const { newest, until } = missed;
        if (newest === undefined) break;
        heard.position = { ...newest, offset: until };
        target ??= newest.offset;
        if (until >= Math.min(target, newest.offset)) break;
      }
    } catch (error) {
      heard.missingSinceMs = missingSinceMs;
      throw error;
    }
    this.#release(heard);
  }

  /** Goes on with the newest event where what was missed cannot be read, now or later. Rejects with any other failure. */
  async #skip(heard: Heard, error: unknown): Promise<void> {
    if (!isLasting(error)) throw error;
    const said = await readNewest(this.#needs.links.commands, heard.keys).catch((again: unknown) => {
      if (!isLasting(again)) throw again;
      return undefined;
    });
    if (!this.#isHeard(heard)) return;
    const { position, skipped } = afterGap(heard.position, said, placesIn(heard.waiting ?? []));
    this.#countUnread(heard.ref, (error as Error).message);
    this.#countLost(heard.ref, skipped);
    heard.position = position;
    heard.hasBegun = true;
    this.#release(heard);
  }

  #isHeard(heard: Heard): boolean {
    return this.#channels.get(heard.keys.bus) === heard;
  }

  /** What waited is taken in its order; what has to wait again takes those behind it along. */
  #release(heard: Heard): void {
    const line = heard.waiting ?? [];
    heard.waiting = undefined;
    for (const each of line) {
      const again = heard.waiting as Waiting[] | undefined;
      if (again === undefined) this.#take(heard, each);
      else again.push(each);
    }
  }

  #deliver({ ref }: Heard, events: readonly ChannelEvent[]): void {
    for (const event of events) this.#tell(ref, event);
  }

  #countUnread({ app, channel }: ChannelRef, reason: string): void {
    this.#unread.add({ app, channel, reason });
  }

  #countLost(ref: ChannelRef, lost: number): void {
    if (lost <= 0) return;
    this.#lost += lost;
    this.#needs.logger.warn('Events are lost: they were published while this node could not listen', {
      app: ref.app,
      channel: ref.channel,
      lost,
    });
  }
}

const eventsIn = (waiting: readonly Waiting[]): EventsMessage[] =>
  waiting.flatMap(({ message }) => (message.kind === 'events' ? [message] : []));

const placesIn = (waiting: readonly Waiting[]): Place[] =>
  eventsIn(waiting).flatMap(({ position }) => position ?? []);

/** Presence channels, and the core's own channels of signed-in users. */
const hasMembers = (channel: string): boolean => kindOf(channel).members || isReservedChannel(channel);
