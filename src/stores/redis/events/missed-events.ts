import type { ChannelEvent } from '../../../core/ports/cluster.ts';
import { decodeEvents, type EventsMessage } from './message-codec.ts';
import type { ChannelKeys } from '../keys.ts';
import { isOfSameData, type Position } from './position.ts';
import { type Client, run } from '../link/scripts.ts';

/** One script reads at most this much, so that neither Redis nor this node is held for long. */
const EVENTS_PER_PORTION = 500;
const BYTES_PER_PORTION = 1024 * 1024;

/** A position outlives its history by so much (`publish.lua`). */
const POSITION_MS = 60_000;

/** The reason where a position was removed before its time. */
const POSITION_GONE =
  'where the channel stood was removed: the app has more than WAVEHALL_HISTORY_MAX_BYTES, or another program wrote in its keys';

/** A part of what was missed on a channel. */
export interface Missed {
  /** Where the channel stands; `undefined` when nothing of it is remembered. */
  readonly newest: Position | undefined;
  /** Up to where this part goes. */
  readonly until: number;
  readonly events: readonly ChannelEvent[];
  /** Events of this part that can be had no more. */
  readonly lost: number;
  /** Milliseconds since a position of the app was last dropped before its time; -1: none was. */
  readonly droppedAgoMs: number;
}

/**
 * The oldest part of what came after a position. What history has no more is taken from `heard`: messages that came over
 * the bus meanwhile. Rejects with `Unavailable`.
 */
export async function readMissed(
  client: Client,
  keys: ChannelKeys,
  after: Position | undefined,
  heard: () => readonly EventsMessage[],
): Promise<Missed> {
  const part = await ask(client, keys, after, EVENTS_PER_PORTION);
  const { newest, until, lost, found, droppedAgoMs } = part;
  const events = found.filter((event) => event !== undefined);
  const missing = lost + found.length - events.length;
  if (missing === 0 || newest === undefined) return { newest, until, events, lost: missing, droppedAgoMs };
  const all = inPlaces(heard(), newest, until - found.length - lost, until);
  for (const [at, event] of found.entries())
    if (event !== undefined) all.set(until - found.length + at + 1, event);
  const inOrder = [...all].sort(([one], [other]) => one - other).map(([, event]) => event);
  return { newest, until, events: inOrder, lost: lost + found.length - all.size, droppedAgoMs };
}

/** Events of messages by their places, of those after one place up to another. */
function inPlaces(messages: readonly EventsMessage[], data: Position, after: number, upTo: number) {
  const events = new Map<number, ChannelEvent>();
  for (const { position, events: some } of messages) {
    if (position === undefined || !isOfSameData(data, position)) continue;
    for (const [at, event] of some.entries()) {
      const place = position.first + at;
      if (place > after && place <= upTo) events.set(place, event);
    }
  }
  return events;
}

/** Where the channel stands, without the events. Rejects with `Unavailable`. */
export async function readNewest(client: Client, keys: ChannelKeys): Promise<Position | undefined> {
  const { newest } = await ask(client, keys, undefined, 0);
  return newest;
}

type Answer = readonly [
  epoch: Buffer,
  generation: Buffer,
  last: number,
  lost: number,
  until: number,
  events: readonly Buffer[],
  droppedAgoMs: number,
];

async function ask(client: Client, keys: ChannelKeys, after: Position | undefined, most: number) {
  const { epoch: from = '', generation: seen = 0, offset = 0 } = after ?? {};
  const [epoch, generation, last, lost, until, found, droppedAgoMs] = (await run(
    client,
    'since',
    [keys.history, keys.position, keys.accounts.keys[1]],
    [from, seen, offset, most, BYTES_PER_PORTION],
    'bytes',
  )) as Answer;
  const newest =
    epoch.length === 0
      ? undefined
      : { epoch: epoch.toString(), generation: generation.toString(), offset: last };
  return { newest, until, lost, found: found.map((bytes) => decodeEvents(bytes, 1)?.[0]), droppedAgoMs };
}

/**
 * The reason for which events may have been missed of which nothing is left, not even their number: where the channel
 * stood is known no more.
 */
export function gapIn(
  before: Position | undefined,
  { newest, droppedAgoMs }: Missed,
  missingMs: number | undefined,
  ttlMs: number,
): string | undefined {
  if (before === undefined || missingMs === undefined || newest?.epoch === before.epoch) return undefined;
  if (droppedAgoMs >= 0 && droppedAgoMs <= missingMs) return POSITION_GONE;
  if (missingMs > ttlMs + POSITION_MS) return 'this node was away for longer than WAVEHALL_HISTORY_TTL';
  return undefined;
}

/** The reason for which a part does not go on where the one before it ended. */
export const breakIn = (before: Position | undefined, { newest }: Missed): string | undefined =>
  newest?.epoch === before?.epoch ? undefined : POSITION_GONE;
