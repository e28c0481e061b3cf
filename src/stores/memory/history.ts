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
  readonly mostBytes: number;
  readonly channels: LRUCache<string, ChannelHistory>;
  /** When a history was last dropped before its time (0: none was). */
  droppedAtMs: number;
}

/** All of an app but its events, or the events of one channel. */
type SavedHistory =
  | {
      readonly app: string;
      readonly mostBytes: number;
      readonly droppedAgoMs: number;
      readonly ageMs: number;
    }
  | {
      readonly ref: ChannelRef;
      readonly ttlMs: number;
      readonly epoch: string;
      readonly offset: number;
      readonly events: readonly ChannelEvent[];
    };

/** The histories of a single node, each for its time after its newest event, within a limit of bytes for each app. */
export class MemoryHistory implements History {
  readonly #apps = new Map<string, AppHistories>();
  #startedMs = performance.now();
  readonly #epochPrefix = randomBytes(9).toString('base64url');
  #epochs = 0;
  #purgedMs = 0;

  /** Keeps an event, and returns it with its position. */
  append(ref: ChannelRef, event: ChannelEvent, { size, ttlSeconds, appBytes = 0 }: Retention): ChannelEvent {
    if (size === 0 || ttlSeconds === 0) return event;
    const histories = this.#histories(ref.app, bytesIn(appBytes));
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

  *save(): Generator<SavedHistory> {
    const now = performance.now();
    for (const [app, { mostBytes, droppedAtMs, channels }] of this.#apps) {
      const droppedAgoMs = droppedAtMs === 0 ? -1 : now - droppedAtMs;
      yield { app, mostBytes, droppedAgoMs, ageMs: now - this.#startedMs };
      for (const [channel, { epoch, offset, events, removed }, ttlMs] of oldestFirst(channels))
        yield { ref: { app, channel }, ttlMs, epoch, offset, events: events.slice(removed) };
    }
  }

  /** Continues the histories of another process, with their positions. */
  load(saved: SavedHistory): void {
    if ('app' in saved) this.#loadApp(saved);
    else this.#loadChannel(saved);
  }

  clear(): void {
    this.#apps.clear();
  }

  #loadApp({ app, mostBytes, droppedAgoMs, ageMs }: Extract<SavedHistory, { app: string }>): void {
    const now = performance.now();
    this.#startedMs = now - ageMs;
    if (droppedAgoMs >= 0) this.#histories(app, mostBytes).droppedAtMs = now - droppedAgoMs;
    else this.#histories(app, mostBytes);
  }

  #loadChannel({ ref, ttlMs, ...saved }: Extract<SavedHistory, { ref: ChannelRef }>): void {
    const bytes = saved.events.reduce((sum, event) => sum + bytesOf(event), 0);
    const channel = { ...saved, events: [...saved.events], removed: 0, bytes };
    this.#apps.get(ref.app)?.channels.set(ref.channel, channel, { ttl: ttlMs, size: CHANNEL_BYTES + bytes });
  }

  /** Histories of an app; those that were begun with another limit are put under this one. */
  #histories(app: string, mostBytes: number): AppHistories {
    const known = this.#apps.get(app);
    if (known?.mostBytes === mostBytes) return known;
    const histories: AppHistories = {
      mostBytes,
      channels: new LRUCache({
        maxSize: mostBytes,
        dispose: (_history, _channel, reason) => {
          if (reason === 'evict') histories.droppedAtMs = performance.now();
        },
      }),
      droppedAtMs: known?.droppedAtMs ?? 0,
    };
    this.#apps.set(app, histories);
    for (const [channel, history, ttl] of known === undefined ? [] : oldestFirst(known.channels))
      histories.channels.set(channel, history, { ttl, size: CHANNEL_BYTES + history.bytes });
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

function* oldestFirst(
  channels: LRUCache<string, ChannelHistory>,
): Generator<[channel: string, history: ChannelHistory, ttlMs: number]> {
  for (const channel of channels.rkeys()) {
    const [history, ttlMs] = [channels.peek(channel), channels.getRemainingTTL(channel)];
    if (history !== undefined && ttlMs > 0) yield [channel, history, ttlMs];
  }
}

/** Bytes of the histories of an app: the other half is for last events. */
const bytesIn = (appBytes: number): number =>
  appBytes === 0 ? Number.MAX_SAFE_INTEGER : Math.max(1, Math.floor(appBytes / 2));

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
