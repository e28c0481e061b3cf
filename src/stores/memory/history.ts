import { randomBytes } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { NO_EVENTS, type Position } from '#protocol';
import type {
  ChannelEvent,
  ChannelRef,
  History,
  HistoryPart,
  HistoryPortion,
  Retention,
} from '../../core/ports/events.ts';

/** Bytes that an event takes beside its payload. */
const EVENT_BYTES = 150;
/** Bytes that a channel takes beside its events. */
const CHANNEL_BYTES = 300;
/** Removed events for which the list is not made anew yet. */
const COMPACT_AT = 64;
const PURGE_EVERY_MS = 10_000;

/** The events of one channel. */
interface ChannelHistory {
  readonly epoch: string;
  /** The first `removed` are no longer kept. */
  events: ChannelEvent[];
  removed: number;
  offset: number;
  bytes: number;
}

interface AppHistories {
  readonly channels: LRUCache<string, ChannelHistory>;
  /** When a history was last dropped before its time (0: none was). */
  droppedAtMs: number;
}

/** The histories of a single node, each for its time after its newest event, within a limit of bytes for each app. */
export class MemoryHistory implements History {
  readonly #apps = new Map<string, AppHistories>();
  readonly #startedMs = performance.now();
  readonly #epochPrefix = randomBytes(9).toString('base64url');
  #epochs = 0;
  #purgedMs = 0;

  /** Keeps an event, and returns it with its position. */
  append(ref: ChannelRef, event: ChannelEvent, { size, ttlSeconds, appBytes = 0 }: Retention): ChannelEvent {
    if (size === 0 || ttlSeconds === 0) return event;
    const histories = this.#histories(ref.app, appBytes);
    this.#purge();
    const channel = histories.channels.get(ref.channel) ?? this.#begin();
    channel.offset += 1;
    const kept = { ...event, position: { epoch: channel.epoch, generation: '0', offset: channel.offset } };
    channel.events.push(kept);
    channel.bytes += bytesOf(kept);
    shorten(channel, size, histories.channels.maxSize);
    histories.channels.set(ref.channel, channel, {
      ttl: ttlSeconds * 1000,
      size: CHANNEL_BYTES + channel.bytes,
    });
    return kept;
  }

  /** Position of the newest event of a channel. */
  position(ref: ChannelRef): Position {
    const channel = this.#apps.get(ref.app)?.channels.get(ref.channel);
    return channel === undefined ? NO_EVENTS : positionOf(channel);
  }

  after(ref: ChannelRef, position: Position, portion: HistoryPortion): Promise<HistoryPart> {
    const histories = this.#apps.get(ref.app);
    const channel = histories?.channels.get(ref.channel);
    const now = performance.now();
    const times = {
      droppedAgoMs: histories === undefined || histories.droppedAtMs === 0 ? -1 : now - histories.droppedAtMs,
      completeForMs: now - this.#startedMs,
    };
    if (channel === undefined)
      return Promise.resolve({ newest: undefined, from: 0, until: 0, events: [], ...times });
    const from = channel.epoch === position.epoch ? Math.min(position.offset, channel.offset) : 0;
    const events = portionAfter(channel, from, portion);
    const until = events.at(-1)?.position?.offset ?? channel.offset;
    return Promise.resolve({ newest: positionOf(channel), from, until, events, ...times });
  }

  #histories(app: string, appBytes: number): AppHistories {
    let histories = this.#apps.get(app);
    if (histories === undefined) {
      const made: AppHistories = {
        channels: new LRUCache({
          // One half of the app's bytes is for last events.
          maxSize: appBytes === 0 ? Number.MAX_SAFE_INTEGER : Math.max(1, Math.floor(appBytes / 2)),
          dispose: (_history, _channel, reason) => {
            if (reason === 'evict') made.droppedAtMs = performance.now();
          },
        }),
        droppedAtMs: 0,
      };
      this.#apps.set(app, (histories = made));
    }
    return histories;
  }

  #begin(): ChannelHistory {
    this.#epochs += 1;
    return {
      epoch: `${this.#epochPrefix}-${this.#epochs.toString(36)}`,
      events: [],
      removed: 0,
      offset: 0,
      bytes: 0,
    };
  }

  /** Frees what has expired: without it, a channel that is quiet for ever would keep its events. */
  #purge(): void {
    const now = performance.now();
    if (now - this.#purgedMs < PURGE_EVERY_MS) return;
    this.#purgedMs = now;
    for (const { channels } of this.#apps.values()) channels.purgeStale();
  }
}

const bytesOf = ({ payload }: ChannelEvent): number => EVENT_BYTES + payload.length;

const positionOf = ({ epoch, offset }: ChannelHistory): Position => ({ epoch, generation: '0', offset });

/** Removes the oldest events beyond the limits, the newest one never by its number. */
function shorten(channel: ChannelHistory, size: number, mostBytes: number): void {
  const { events } = channel;
  while (
    events.length - channel.removed > size ||
    (channel.bytes + CHANNEL_BYTES > mostBytes && channel.removed < events.length)
  ) {
    channel.bytes -= bytesOf(events[channel.removed] as ChannelEvent);
    channel.removed += 1;
  }
  if (channel.removed < Math.max(COMPACT_AT, events.length / 2)) return;
  channel.events = events.slice(channel.removed);
  channel.removed = 0;
}

function portionAfter(channel: ChannelHistory, from: number, portion: HistoryPortion): ChannelEvent[] {
  const { events, removed, offset } = channel;
  const firstKept = offset - (events.length - removed) + 1;
  const begin = removed + Math.max(0, from + 1 - firstKept);
  const part: ChannelEvent[] = [];
  let bytes = 0;
  for (let at = begin; at < events.length; at += 1) {
    if (part.length >= portion.events || bytes >= portion.bytes) break;
    const event = events[at] as ChannelEvent;
    part.push(event);
    bytes += event.payload.length;
  }
  return part;
}
