import type { ChannelEvent } from '../../core/ports.ts';
import { decodeEvents } from './bus.ts';
import type { ChannelKeys } from './keys.ts';
import type { Position } from './position.ts';
import { type Client, run } from './scripts.ts';

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

/** The oldest part of what came after a position. Rejects with `Unavailable`. */
export async function readMissed(
  client: Client,
  keys: ChannelKeys,
  after: Position | undefined,
): Promise<Missed> {
  return ask(client, keys, after, EVENTS_PER_PORTION);
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
  const events = found.flatMap((bytes) => decodeEvents(bytes, 1) ?? []);
  const newest =
    epoch.length === 0
      ? undefined
      : { epoch: epoch.toString(), generation: generation.toString(), offset: last };
  return { newest, until, events, lost: lost + found.length - events.length, droppedAgoMs };
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
