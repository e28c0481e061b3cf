import { Batch, isExcluded } from './batch.ts';
import type { Connection, Subscription } from '../../client/connection.ts';
import type { LocalChannel, Progress } from '../local-channel.ts';
import type { Outbound } from '../../client/outbound.ts';
import type { LiveFeed } from '../../live/feed.ts';
import type { ChannelEvent } from '../../ports/events.ts';
import type { SentPosition } from '../../resume/positions.ts';
import type { FrameEncoder } from '../../ports/transport.ts';
import type { AppTraffic } from '../../traffic/app-traffic.ts';
import type { DeliveryLatency } from '../../traffic/delivery-latency.ts';
import { Turns } from './turns.ts';

/**
 * Subscribers that are looked at before the first of them is written to. Each look loads objects that are mostly not in
 * the CPU's cache. The loads of 16 looks in a row overlap; look, write, look, write would wait for each alone.
 */
const LOOK_AHEAD = 16;

/** Events of a batch whose encoding costs as much as one write. */
const EVENTS_PER_WRITE = 4;

/** Bytes that make a write cost as much as one more. */
const WRITE_BYTES = 16 * 1024;

/** Notes what became of the events of a fan-out that has ended. */
interface DeliveryTrace {
  delivered(channel: LocalChannel, batch: Batch): void;
}

interface FanOutDeps {
  readonly outbound: Pick<Outbound, 'softBytes'>;
  readonly latency: Pick<DeliveryLatency, 'delivered'>;
  /** Shows the number of sockets of each event to those who look now. */
  readonly live?: LiveFeed;
  readonly trace?: DeliveryTrace | undefined;
  /** Share of an app at the writing, beside those of the others. */
  readonly weightOf?: (app: string) => number;
}

/** Part of a fan-out: from a place of the subscribers on, until about so many writes are made. */
interface Slice {
  readonly traffic: AppTraffic;
  readonly from: number;
  readonly writes: number;
}

/**
 * Brings events from channels to sockets. The events of one tick leave together; a fan-out to many sockets is written in
 * slices, between which other apps and the event loop have their turn (`Turns`), and the channel's next one waits for it, so that
 * every socket sees one order. The cost of an event depends on this channel's local subscribers alone.
 */
export class FanOut {
  readonly #softBytes: number;
  readonly #latency: Pick<DeliveryLatency, 'delivered'>;
  readonly #live: LiveFeed | undefined;
  readonly #trace: DeliveryTrace | undefined;
  readonly #turns: Turns<LocalChannel>;

  constructor({ outbound, latency, live, trace, weightOf = () => 1 }: FanOutDeps) {
    this.#live = live;
    this.#trace = trace;
    this.#softBytes = outbound.softBytes;
    this.#latency = latency;
    this.#turns = new Turns({ weightOf, serve: (channel, writes) => this.#serve(channel, writes) });
  }

  push(channel: LocalChannel, event: ChannelEvent): void {
    if (event.memberChange !== undefined && this.#live?.isWatched === true)
      this.#live.memberChanged(channel.ref, event);
    channel.localSequence += 1;
    if (event.position !== undefined) channel.newest = event.position;
    for (const subscription of channel.waiting) subscription.held?.push(event);
    this.releaseReached(channel);
    const bytes = Buffer.byteLength(event.payload);
    channel.pendingBytes += bytes;
    channel.share.wait(bytes);
    if (channel.sample !== undefined) noteSample(channel, event);
    if (channel.pending.push(event) === 1 && channel.progress === undefined) this.#turns.add(channel);
  }

  /**
   * Sends a new subscriber the events that were held for it; from now on it gets events as all others do. `sent`: the position up to
   * which it has the events. As long as events up to it are on their way to this node, the subscriber goes on waiting.
   */
  release(channel: LocalChannel, subscription: Subscription, sent?: SentPosition): void {
    if (sent !== undefined && channel.waitsForNode({ subscription, sent })) {
      (channel.ahead ??= []).push({ subscription, sent });
      return;
    }
    const { connection, held } = subscription;
    for (const event of held ?? []) {
      if (isExcluded(event, connection)) channel.traffic.omittedExcluded += 1;
      else {
        connection.sendEvent(event);
        channel.traffic.deliveries += 1;
      }
    }
    channel.release(subscription);
  }

  /** Sends those their held events for which this node has received what they were sent. */
  releaseReached(channel: LocalChannel): void {
    if (channel.ahead !== undefined) for (const each of channel.takeReached()) this.release(channel, each);
  }

  /** Begins the fan-out of a channel's events or goes on with it. Returns the cost, in writes. */
  #serve(channel: LocalChannel, writes: number): number {
    const begun = channel.progress === undefined ? this.#begin(channel) : 0;
    return begun + this.#advance(channel, channel.progress as Progress, writes);
  }

  #begin(channel: LocalChannel): number {
    const { pending, pendingBytes, pendingSinceMs } = channel;
    const batch = new Batch(pending, channel.localSequence);
    channel.pending = [];
    channel.pendingBytes = 0;
    channel.pendingSinceMs = undefined;
    channel.progress = { batch, bytes: pendingBytes, sinceMs: pendingSinceMs, next: 0, missedBySwap: [] };
    return Math.floor(batch.size / EVENTS_PER_WRITE);
  }

  #advance(channel: LocalChannel, progress: Progress, writes: number): number {
    const { traffic, live } = channel;
    const sentBytes = traffic.bytesSent;
    const missed = progress.missedBySwap.filter(({ index }) => index !== -1);
    progress.missedBySwap = [];
    this.#write(missed, progress.batch, { traffic, from: 0, writes: Infinity });
    const { next: from } = progress;
    progress.next = this.#write(live, progress.batch, { traffic, from, writes });
    const cost = missed.length + progress.next - from + (traffic.bytesSent - sentBytes) / WRITE_BYTES;
    if (progress.next < live.length) this.#turns.add(channel);
    else this.#finish(channel, progress);
    return cost;
  }

  #finish(channel: LocalChannel, { batch, bytes, sinceMs }: Progress): void {
    const live = this.#live?.isWatched === true ? this.#live : undefined;
    if (live !== undefined) batch.eachReach((event, sockets) => live.delivered(channel.ref, event, sockets));
    this.#trace?.delivered(channel, batch);
    if (sinceMs !== undefined) this.#latency.delivered(sinceMs);
    channel.share.written(bytes);
    channel.progress = undefined;
    channel.reached = batch.position ?? channel.reached;
    if (channel.pending.length > 0) this.#turns.add(channel);
  }

  /**
   * Looks at `LOOK_AHEAD` subscribers, then writes to those that get the shared bytes, then goes on with the next, until about so
   * many writes are made. Returns the place of the first subscriber that was not looked at.
   */
  #write(targets: readonly Subscription[], batch: Batch, { traffic, from, writes }: Slice): number {
    const ready: Connection[] = [];
    const untilBytes = traffic.bytesSent + writes * WRITE_BYTES;
    let start = from;
    while (start < targets.length && traffic.bytesSent + (start - from) * WRITE_BYTES < untilBytes) {
      const end = Math.min(start + LOOK_AHEAD, targets.length);
      let count = 0;
      for (let at = start; at < end; at += 1) {
        const subscription = targets[at] as Subscription;
        if (this.#getsAll(subscription, batch)) ready[count++] = subscription.connection;
      }
      writeAll(traffic, ready, count, batch);
      start = end;
    }
    return start;
  }

  /** True when the subscriber gets the shared bytes; any other one is served here. */
  #getsAll(subscription: Subscription, batch: Batch): boolean {
    const { connection, upTo } = subscription;
    if (upTo >= batch.last) return false;
    subscription.upTo = batch.last;
    if (connection.closing) {
      connection.traffic.omittedClosing += batch.last - Math.max(upTo, batch.first - 1);
      batch.closing += 1;
      return false;
    }
    const slow = connection.socket.bufferedBytes > this.#softBytes;
    if (upTo < batch.first && !slow && !batch.excludesSome) return true;
    writeOwn(connection, batch, upTo, slow);
    return false;
  }
}

/** Recognises the event that is measured when the broker brings it. */
function noteSample(channel: LocalChannel, event: ChannelEvent): void {
  if (channel.sample?.payload !== event.payload) return;
  channel.pendingSinceMs ??= channel.sample.receivedAtMs;
  channel.sample = undefined;
}

function writeAll(
  traffic: AppTraffic,
  connections: readonly Connection[],
  count: number,
  batch: Batch,
): void {
  let encoder: FrameEncoder | undefined;
  let chunks: readonly Buffer[] = [];
  let shareBytes = 0;
  let bytes = 0;
  for (let at = 0; at < count; at += 1) {
    const connection = connections[at] as Connection;
    if (connection.encoder !== encoder) {
      encoder = connection.encoder;
      ({ chunks, bytes: shareBytes } = batch.forAll(encoder));
    }
    for (const chunk of chunks) connection.write(chunk);
    bytes += shareBytes;
  }
  batch.sharedBy += count;
  countDeliveries(traffic, count * batch.size, bytes);
}

/** Writes to a subscriber for which an event of the batch may be left out. */
function writeOwn(connection: Connection, batch: Batch, upTo: number, slow: boolean): void {
  const { encoder, traffic } = connection;
  if (upTo < batch.first && !batch.differsFor(connection, slow))
    return writeAll(traffic, [connection], 1, batch);
  const { chunks, bytes, events, excluded, skipped } = batch.forOne(encoder, connection, upTo, slow);
  for (const chunk of chunks) connection.write(chunk);
  countDeliveries(traffic, events, bytes);
  traffic.omittedExcluded += excluded;
  traffic.omittedSlow += skipped;
}

function countDeliveries(traffic: AppTraffic, events: number, bytes: number): void {
  traffic.deliveries += events;
  traffic.messagesSent += events;
  traffic.bytesSent += bytes;
}
