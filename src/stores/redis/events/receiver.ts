import { isReservedChannel, kindOf, NO_EVENTS, type Position } from '#protocol';
import type { ChannelEvent, ChannelRef, Deliver, Replayed } from '../../../core/ports/events.ts';
import type { Logger } from '../../../core/ports/logger.ts';
import { decodeMessage, type MemberMessage } from './message-codec.ts';
import type { InvalidData } from '../health/invalid-data.ts';
import type { Keys } from '../keys.ts';
import type { Links } from '../link/links.ts';
import { breakReason, gapReason, readMissed, readPosition } from './missed-events.ts';
import { MissedEventsLog } from './missed-events-log.ts';
import { inBatches } from './in-batches.ts';
import {
  eventsIn,
  newChannel,
  positionsIn,
  type QueuedMessage,
  type ReceivedChannel,
} from './received-channel.ts';
import { positionAfterGap, startPosition, isContiguous } from './position.ts';
import { isPermanent } from '../link/errors.ts';

/** Messages of one channel that are queued at most; beyond, the history has them. */
const MOST_QUEUED = 10_000;
/** Time for which a connection may have received nothing before it is found to be down. */
const UNNOTICED_MS = 30_000;

/** Receives the member changes of channels. */
export interface MemberListener {
  onMessage(ref: ChannelRef, message: MemberMessage): void;
  /** Called when the subscription is up again: changes may have been missed. */
  reread(): void;
}

interface ReceiverDeps {
  readonly links: Links;
  readonly keys: Keys;
  readonly logger: Logger;
  readonly invalidData: InvalidData;
  readonly members: MemberListener;
  /** Milliseconds for which events of a channel are kept. */
  readonly historyTtlMs?: ((ref: ChannelRef) => number) | undefined;
}

/**
 * Receives the channels that this node has subscribers on. Events carry their offset in the channel: a gap is filled from the
 * history before anything newer is delivered, and an event that arrives twice is delivered once. Events that the history no
 * longer has are counted.
 */
export class Receiver {
  readonly #deps: ReceiverDeps;
  readonly #channels = new Map<string, ReceivedChannel>();
  #deliverEvent: Deliver = () => undefined;
  /** Counts of what this node missed. */
  readonly missed: MissedEventsLog;
  #needsResume = false;

  constructor(deps: ReceiverDeps) {
    this.#deps = deps;
    this.missed = new MissedEventsLog(deps.logger);
    deps.links.subscriber.events.on('message', (pubsubChannel, bytes) =>
      this.#onMessage(pubsubChannel, bytes),
    );
    deps.links.subscriber.events.on('down', () => this.#onDisconnect());
  }

  /** `deliver` receives the events of each channel in their order, each exactly once. */
  start(deliver: Deliver, replayed?: Replayed): void {
    this.#deliverEvent = deliver;
    this.missed.replayed = replayed;
  }

  /** True when a subscription or reading failed though the connection is up: `resume` is needed. */
  get needsResume(): boolean {
    return this.#needsResume;
  }

  /**
   * Resolves once events published from now on will be delivered, with the position of the newest one until now. While Redis is
   * unavailable, the next `resume` or call subscribes; the position is not known then.
   */
  async subscribe(ref: ChannelRef): Promise<Position | undefined> {
    const channel = this.#channels.get(this.#deps.keys.channel(ref).pubsubChannel) ?? this.#begin(ref);
    if (channel.hasBegun) return channel.position ?? NO_EVENTS;
    try {
      await this.#deps.links.subscriber.subscribe([channel.keys.pubsubChannel]);
      await this.#catchUp(channel);
      return channel.position ?? NO_EVENTS;
    } catch {
      this.#needsResume = true;
      return undefined;
    }
  }

  async unsubscribe(ref: ChannelRef): Promise<void> {
    const { pubsubChannel } = this.#deps.keys.channel(ref);
    this.#channels.delete(pubsubChannel);
    await this.#deps.links.subscriber.unsubscribe(pubsubChannel).catch(() => undefined);
  }

  /** Subscribes to everything again after an outage, then reads what was missed. Rejects when the connection breaks again. */
  async resume(): Promise<void> {
    this.#needsResume = false;
    const all = [...this.#channels.values()];
    for (const channel of all) channel.queue ??= [];
    try {
      await this.#deps.links.subscriber.subscribe(all.map(({ keys }) => keys.pubsubChannel));
      await inBatches(all, (channel) => this.#catchUp(channel));
    } catch (error) {
      this.#needsResume = true;
      throw error;
    }
    this.#deps.members.reread();
  }

  /** Called when the names in Redis have changed: replaces the subscriptions with the next `resume`. */
  updateNames(): void {
    for (const [old, { ref }] of [...this.#channels]) {
      if (this.#deps.keys.channel(ref).pubsubChannel === old) continue;
      this.#channels.delete(old);
      void this.#deps.links.subscriber.unsubscribe(old).catch(() => undefined);
      this.#begin(ref);
      this.#needsResume = true;
    }
  }

  #begin(ref: ChannelRef): ReceivedChannel {
    const keys = this.#deps.keys.channel(ref);
    const channel = newChannel(ref, keys);
    this.#channels.set(keys.pubsubChannel, channel);
    return channel;
  }

  #onDisconnect(): void {
    const sinceMs = performance.now() - UNNOTICED_MS;
    for (const channel of this.#channels.values()) channel.missingSinceMs ??= sinceMs;
  }

  #onMessage(pubsubChannel: string, bytes: Buffer): void {
    const channel = this.#channels.get(pubsubChannel);
    if (channel === undefined) return;
    const message = decodeMessage(bytes);
    const isMisplaced = message?.kind === 'member' && !hasMembers(channel.ref.channel);
    if (message === undefined || isMisplaced) this.#deps.invalidData.addMessage(pubsubChannel);
    else if (channel.queue !== undefined)
      this.#enqueue(channel, channel.queue, { message, isAfterRead: false });
    else this.#apply(channel, { message, isAfterRead: false });
  }

  #enqueue(channel: ReceivedChannel, queue: QueuedMessage[], queued: QueuedMessage): void {
    queue.push(queued);
    if (queue.length <= MOST_QUEUED) return;
    const dropped = queue.shift()?.message;
    if (dropped?.kind === 'events' && dropped.position === undefined)
      this.missed.lost(channel.ref, dropped.events.length);
  }

  #apply(channel: ReceivedChannel, queued: QueuedMessage): void {
    const { message } = queued;
    if (message.kind === 'member') return this.#deps.members.onMessage(channel.ref, message);
    const { position: at, events } = message;
    if (at === undefined) return this.#deliver(channel, events);
    if (!isContiguous(channel.position, at)) return this.#fillGap(channel, queued);
    const known = channel.position?.offset ?? 0;
    for (const [index, event] of events.entries()) {
      const offset = at.first + index;
      if (offset > known)
        this.#deliverEvent(channel.ref, {
          ...event,
          position: { epoch: at.epoch, generation: at.generation, offset },
        });
    }
    const offset = Math.max(known, at.first + events.length - 1);
    channel.position = { epoch: at.epoch, generation: at.generation, offset };
  }

  /** Reads the history, since the message does not continue the channel: events were missed, or the message is invalid. */
  #fillGap(channel: ReceivedChannel, queued: QueuedMessage): void {
    if (queued.isAfterRead) return this.#deps.invalidData.addMessage(channel.keys.pubsubChannel);
    channel.queue = [queued];
    const sinceMs = performance.now();
    this.#catchUp(channel).catch(() => {
      channel.missingSinceMs ??= sinceMs;
      this.#needsResume = true;
    });
  }

  /** Runs readings of a channel one after another, so that each missed event is delivered once. */
  #catchUp(channel: ReceivedChannel): Promise<void> {
    channel.reading = channel.reading
      .catch(() => undefined)
      .then(() => this.#read(channel).catch((error: unknown) => this.#skipToNewest(channel, error)));
    return channel.reading;
  }

  async #read(channel: ReceivedChannel): Promise<void> {
    for (const each of (channel.queue ??= [])) each.isAfterRead = true;
    await (channel.hasBegun ? this.#readMissed(channel) : this.#readStart(channel));
  }

  /** Begins a channel that is new to this node: nothing before the subscription counts as missed. */
  async #readStart(channel: ReceivedChannel): Promise<void> {
    const stored = await readPosition(this.#deps.links.commands, channel.keys);
    if (!this.#isSubscribed(channel)) return;
    if (stored !== undefined) channel.position = startPosition(stored, positionsIn(channel.queue ?? []));
    channel.hasBegun = true;
    this.#drainQueue(channel);
  }

  /** Delivers what was missed up to now, one batch after the other, then the messages that were queued meanwhile. */
  async #readMissed(channel: ReceivedChannel): Promise<void> {
    const { position: before, missingSinceMs } = channel;
    channel.missingSinceMs = undefined;
    this.missed.catchUps += 1;
    try {
      for (let target: number | undefined; ;) {
        const missed = await readMissed(this.#deps.links.commands, channel.keys, channel.position, () =>
          eventsIn(channel.queue ?? []),
        );
        if (!this.#isSubscribed(channel)) return;
        const missingMs = missingSinceMs && performance.now() - missingSinceMs;
        const isFirst = target === undefined;
        const ttlMs = this.#deps.historyTtlMs?.(channel.ref) ?? 0;
        const gap = isFirst
          ? gapReason(before, missed, missingMs, ttlMs)
          : breakReason(channel.position, missed);
        if (gap !== undefined) this.missed.unread(channel.ref, gap);
        this.missed.lost(channel.ref, missed.lost);
        this.#deliver(channel, missed.events);
        this.missed.recovered(channel.ref, missed.events.length);
        const { newest, until } = missed;
        if (newest === undefined) break;
        channel.position = { ...newest, offset: until };
        target ??= newest.offset;
        if (until >= Math.min(target, newest.offset)) break;
      }
    } catch (error) {
      channel.missingSinceMs = missingSinceMs;
      throw error;
    }
    this.#drainQueue(channel);
  }

  /** Continues with the newest event when missed events can never be read. Rejects with any other failure. */
  async #skipToNewest(channel: ReceivedChannel, error: unknown): Promise<void> {
    if (!isPermanent(error)) throw error;
    const stored = await readPosition(this.#deps.links.commands, channel.keys).catch((again: unknown) => {
      if (!isPermanent(again)) throw again;
      return undefined;
    });
    if (!this.#isSubscribed(channel)) return;
    const { position, skipped } = positionAfterGap(
      channel.position,
      stored,
      positionsIn(channel.queue ?? []),
    );
    this.missed.unread(channel.ref, (error as Error).message);
    this.missed.lost(channel.ref, skipped);
    channel.position = position;
    channel.hasBegun = true;
    this.#drainQueue(channel);
  }

  #isSubscribed(channel: ReceivedChannel): boolean {
    return this.#channels.get(channel.keys.pubsubChannel) === channel;
  }

  /** Applies queued messages in their order. When one opens another gap, the messages behind it are queued again. */
  #drainQueue(channel: ReceivedChannel): void {
    const queue = channel.queue ?? [];
    channel.queue = undefined;
    for (const each of queue) {
      const again = channel.queue as QueuedMessage[] | undefined;
      if (again === undefined) this.#apply(channel, each);
      else again.push(each);
    }
  }

  #deliver({ ref }: ReceivedChannel, events: readonly ChannelEvent[]): void {
    for (const event of events) this.#deliverEvent(ref, event);
  }
}

/** True for presence channels, and for the core's own channels of signed-in users. */
const hasMembers = (channel: string): boolean => kindOf(channel).members || isReservedChannel(channel);
