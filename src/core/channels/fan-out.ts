import { Batch, isExcluded } from './batch.ts';
import type { Connection, Subscription } from '../client/connection.ts';
import type { LocalChannel, Progress } from './local-channel.ts';
import type { Outbound } from '../client/outbound.ts';
import type { LiveFeed } from '../live/feed.ts';
import type { Position } from '#protocol';
import type { ChannelEvent } from '../ports/events.ts';
import type { FrameEncoder } from '../ports/transport.ts';
import type { AppTraffic } from '../traffic/app-traffic.ts';
import type { DeliveryLatency } from '../traffic/delivery-latency.ts';

/** Sockets written to before the event loop may serve others: about 6 ms of work. */
export const SLICE_SOCKETS = 1000;

/**
 * Subscribers that are looked at before the first of them is written to. Each look loads objects that are mostly not in
 * the CPU's cache. The loads of 16 looks in a row overlap; look, write, look, write would wait for each alone.
 */
const LOOK_AHEAD = 16;

interface FanOutDeps {
  readonly outbound: Pick<Outbound, 'softBytes'>;
  readonly latency: Pick<DeliveryLatency, 'delivered'>;
  /** Shows the number of sockets of each event to those who look now. */
  readonly live?: LiveFeed;
}

/**
 * Brings events from channels to sockets. The events of one tick leave together; a fan-out to many sockets yields to
 * the event loop in slices, and the channel's next one waits for it, so that every socket sees one order.
 * The cost of an event depends on this channel's local subscribers alone.
 */
export class FanOut {
  readonly #softBytes: number;
  readonly #latency: Pick<DeliveryLatency, 'delivered'>;
  readonly #live: LiveFeed | undefined;
  #dirty: LocalChannel[] = [];

  constructor(deps: FanOutDeps) {
    this.#live = deps.live;
    this.#softBytes = deps.outbound.softBytes;
    this.#latency = deps.latency;
  }

  push(channel: LocalChannel, event: ChannelEvent): void {
    channel.localSequence += 1;
    if (event.position !== undefined) channel.newest = event.position;
    for (const subscription of channel.waiting) subscription.held?.push(event);
    this.releaseReached(channel);
    channel.pendingBytes += Buffer.byteLength(event.payload);
    if (channel.sample !== undefined) noteSample(channel, event);
    if (channel.pending.push(event) === 1 && channel.progress === undefined) this.#mark(channel);
  }

  /**
   * Sends a new subscriber the events that were held for it; from now on it gets events as all others do. `sent`: the position up to
   * which it was sent the history. As long as events up to it are on their way to this node, the subscriber goes on waiting.
   */
  release(channel: LocalChannel, subscription: Subscription, sent?: Position): void {
    if (sent !== undefined && channel.waitsForNode({ subscription, sent })) {
      channel.ahead = [...(channel.ahead ?? []), { subscription, sent }];
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

  #mark(channel: LocalChannel): void {
    if (this.#dirty.push(channel) === 1) setImmediate(() => this.#flushDirty());
  }

  #flushDirty(): void {
    const channels = this.#dirty;
    this.#dirty = [];
    for (const channel of channels) this.#flush(channel);
  }

  #flush(channel: LocalChannel): void {
    const batch = new Batch(channel.pending, channel.localSequence, this.#live?.isWatched);
    channel.pending = [];
    channel.pendingBytes = 0;
    channel.progress = { batch, sinceMs: channel.pendingSinceMs, next: 0, missedBySwap: [] };
    channel.pendingSinceMs = undefined;
    this.#advance(channel, channel.progress);
  }

  #advance(channel: LocalChannel, progress: Progress): void {
    const { batch } = progress;
    const missed = progress.missedBySwap.filter(({ index }) => index !== -1);
    progress.missedBySwap = [];
    this.#write(channel.traffic, missed, batch, 0, missed.length);
    const end = Math.min(progress.next + SLICE_SOCKETS, channel.live.length);
    this.#write(channel.traffic, channel.live, batch, progress.next, end);
    progress.next = end;
    if (end >= channel.live.length) this.#finish(channel, progress);
    else setImmediate(() => this.#advance(channel, progress));
  }

  #finish(channel: LocalChannel, { batch, sinceMs }: Progress): void {
    batch.eachReach((event, sockets) => this.#live?.delivered(channel.ref, event, sockets));
    if (sinceMs !== undefined) this.#latency.delivered(sinceMs);
    channel.progress = undefined;
    channel.reached = batch.position ?? channel.reached;
    if (channel.pending.length > 0) this.#mark(channel);
  }

  /** Looks at `LOOK_AHEAD` subscribers, then writes to those that get the shared bytes, then goes on with the next. */
  #write(
    traffic: AppTraffic,
    targets: readonly Subscription[],
    batch: Batch,
    from: number,
    to: number,
  ): void {
    const ready: Connection[] = [];
    for (let start = from; start < to; start += LOOK_AHEAD) {
      const end = Math.min(start + LOOK_AHEAD, to);
      let count = 0;
      for (let at = start; at < end; at += 1) {
        const subscription = targets[at] as Subscription;
        if (this.#getsAll(subscription, batch)) ready[count++] = subscription.connection;
      }
      writeAll(traffic, ready, count, batch);
    }
  }

  /** True when the subscriber gets the shared bytes; any other one is served here. */
  #getsAll(subscription: Subscription, batch: Batch): boolean {
    const { connection, upTo } = subscription;
    if (upTo >= batch.last) return false;
    subscription.upTo = batch.last;
    if (connection.closing) {
      connection.traffic.omittedClosing += batch.last - Math.max(upTo, batch.first - 1);
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
