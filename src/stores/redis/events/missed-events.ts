import type { ChannelEvent, HistoryPortion } from '../../../core/ports/events.ts';
import { decodeEvents, type EventsMessage } from './message-codec.ts';
import type { ChannelKeys } from '../keys.ts';
import { isSameHistory, type Position } from '#protocol';
import { type RedisClient, runScript } from '../link/scripts.ts';

/** Limits of what one script reads, so that it blocks neither Redis nor this node for long. */
const PER_READ = { events: 500, bytes: 1024 * 1024 };
const POSITION_ALONE = { events: 0, bytes: 0 };

/** Time by which a position outlives its history (`publish.lua`). */
const POSITION_EXTRA_MS = 60_000;

const POSITION_GONE =
  'the position of the channel was removed: the app exceeds WAVEHALL_HISTORY_MAX_BYTES, or another program wrote to its keys';

/** A part of the events that were missed on a channel. */
export interface MissedEvents {
  /** Position of the channel; `undefined` when nothing of it is kept. */
  readonly newest: Position | undefined;
  /** Offset of the last event of this part. */
  readonly until: number;
  readonly events: readonly ChannelEvent[];
  /** Number of events of this part that are no longer available. */
  readonly lost: number;
  /** Milliseconds since a position of the app was last dropped early; -1: none was. */
  readonly droppedAgoMs: number;
}

/**
 * Reads the oldest part of what came after a position. Events that the history no longer has are taken from `received`: the
 * messages that arrived meanwhile. Rejects with `Unavailable`.
 */
export async function readMissed(
  client: RedisClient,
  keys: ChannelKeys,
  after: Position | undefined,
  received: () => readonly EventsMessage[],
): Promise<MissedEvents> {
  const part = await readHistory(client, keys, after, PER_READ);
  const { newest, until, lost, found, droppedAgoMs } = part;
  const events = found.filter((event) => event !== undefined);
  const missing = lost + found.length - events.length;
  if (missing === 0 || newest === undefined) return { newest, until, events, lost: missing, droppedAgoMs };
  const all = eventsByOffset(received(), newest, until - found.length - lost, until);
  for (const [at, event] of found.entries())
    if (event !== undefined) all.set(until - found.length + at + 1, event);
  const inOrder = [...all].sort(([one], [other]) => one - other).map(([, event]) => event);
  return { newest, until, events: inOrder, lost: lost + found.length - all.size, droppedAgoMs };
}

/** Maps the events of messages by their offsets, those after one offset up to another. */
function eventsByOffset(messages: readonly EventsMessage[], data: Position, after: number, upTo: number) {
  const events = new Map<number, ChannelEvent>();
  for (const { position, events: some } of messages) {
    if (position === undefined || !isSameHistory(data, position)) continue;
    for (const [at, event] of some.entries()) {
      const offset = position.first + at;
      if (offset > after && offset <= upTo) events.set(offset, { ...event, position: { ...data, offset } });
    }
  }
  return events;
}

/** Reads the position of a channel, without events. Rejects with `Unavailable`. */
export async function readPosition(client: RedisClient, keys: ChannelKeys): Promise<Position | undefined> {
  const { newest } = await readHistory(client, keys, undefined, POSITION_ALONE);
  return newest;
}

type HistoryAnswer = readonly [
  epoch: Buffer,
  generation: Buffer,
  last: number,
  lost: number,
  until: number,
  events: readonly Buffer[],
  droppedAgoMs: number,
  completeForMs: number,
];

/** Reads a part of a history. Events that cannot be decoded are `undefined`. Rejects with `Unavailable`. */
export async function readHistory(
  client: RedisClient,
  keys: ChannelKeys,
  after: Position | undefined,
  portion: HistoryPortion,
) {
  const { epoch: from = '', generation: seen = 0, offset = 0 } = after ?? {};
  const [epoch, generation, last, lost, until, found, droppedAgoMs, completeForMs] = (await runScript(
    client,
    'history-after',
    [keys.history, keys.position, keys.retention.keys[1], keys.generation],
    [from, seen, offset, portion.events, portion.bytes],
    'bytes',
  )) as HistoryAnswer;
  const newest =
    epoch.length === 0
      ? undefined
      : { epoch: epoch.toString(), generation: generation.toString(), offset: last };
  const first = until - found.length + 1;
  const events = found.map((bytes, at): ChannelEvent | undefined => {
    const event = decodeEvents(bytes, 1)?.[0];
    return event && newest && { ...event, position: { ...newest, offset: first + at } };
  });
  return { newest, until, lost, found: events, droppedAgoMs, completeForMs };
}

/**
 * Explains why events may have been missed of which not even the number is known: the position of the channel is gone.
 * `undefined`: none were.
 */
export function gapReason(
  before: Position | undefined,
  { newest, droppedAgoMs }: MissedEvents,
  missingMs: number | undefined,
  ttlMs: number,
): string | undefined {
  if (before === undefined || missingMs === undefined || newest?.epoch === before.epoch) return undefined;
  if (droppedAgoMs >= 0 && droppedAgoMs <= missingMs) return POSITION_GONE;
  if (missingMs > ttlMs + POSITION_EXTRA_MS)
    return 'this node was disconnected from Redis for longer than WAVEHALL_HISTORY_TTL';
  return undefined;
}

/** Explains why a part does not continue where the one before it ended; `undefined`: it does. */
export const breakReason = (before: Position | undefined, { newest }: MissedEvents): string | undefined =>
  newest?.epoch === before?.epoch ? undefined : POSITION_GONE;
