import { parseJsonObject } from '#protocol';
import type { WebhookFields, WebhookRecord } from '../../../core/ports/webhooks.ts';
import type { ChannelRef } from '../../../core/ports/channel-ref.ts';
import { TRANSITION_KINDS } from '../../transition-record.ts';
import type { SavedOutbox } from './outbox.ts';

/** First line of the file: what it is, and the form of the lines that follow. */
export const FIRST_LINE = '{"wavehall":"webhooks","version":1}';

type Kind = keyof SavedOutbox;
/** In this order they are kept when not all have room: what was not delivered yet is worth more than what has failed. */
const KINDS: readonly Kind[] = ['waiting', 'events', 'dead'];

export interface SavedLines {
  readonly text: string;
  /** Those that had no room: the oldest. */
  readonly dropped: number;
}

/** Writes one line of JSON for each thing that is saved, in at most this many bytes. */
export function encodeSaved(saved: SavedOutbox, maxBytes: number): SavedLines {
  let room = maxBytes - Buffer.byteLength(FIRST_LINE) - 1;
  let dropped = 0;
  const lines = KINDS.flatMap((kind) => {
    const all = saved[kind].map((each) => JSON.stringify({ [kind]: each }));
    const kept = newestWithin(kind === 'dead' ? all.reverse() : all, room);
    room -= bytesOf(kept);
    dropped += all.length - kept.length;
    return kept;
  });
  return { text: [FIRST_LINE, ...lines, ''].join('\n'), dropped };
}

/** Reads what `encodeSaved` wrote. `undefined`: this is another file. `unreadable`: lines that are none of ours. */
export function decodeSaved(
  text: string,
): { readonly saved: SavedOutbox; readonly unreadable: number } | undefined {
  const [first, ...lines] = text.split('\n');
  if (first !== FIRST_LINE) return undefined;
  const found = { waiting: [] as unknown[], events: [] as unknown[], dead: [] as unknown[] };
  let unreadable = 0;
  for (const line of lines) {
    const value = parseJsonObject(line) ?? {};
    const kind = KINDS.find((each) => Object.hasOwn(value, each) && IS_VALID[each](value[each]));
    if (kind !== undefined) found[kind].push(value[kind]);
    else if (line !== '') unreadable += 1;
  }
  return { saved: found as unknown as SavedOutbox, unreadable };
}

/** The last of these lines that have room together, in their order. */
function newestWithin(lines: readonly string[], room: number): string[] {
  let from = lines.length;
  for (let left = room; from > 0; from -= 1) {
    left -= bytesOf(lines.slice(from - 1, from));
    if (left < 0) break;
  }
  return lines.slice(from);
}

const bytesOf = (lines: readonly string[]): number =>
  lines.reduce((sum, line) => sum + Buffer.byteLength(line) + 1, 0);

const IS_VALID: Readonly<Record<Kind, (value: unknown) => boolean>> = {
  waiting: (value) => {
    const { ref, kind, value: subject, dueMs } = objectOf(value);
    return isRef(ref) && isKind(kind) && isText(subject) && isNumber(dueMs);
  },
  events: (value) => {
    const { id, record, timeMs, queuedAtMs, attempts } = objectOf(value);
    const hasTimes = isNumber(timeMs) && isNumber(queuedAtMs);
    return isText(id) && isRecord(record) && hasTimes && isAttempts(attempts);
  },
  dead: (value) => {
    const { id, endpoint, entry, reason, diedAtMs } = objectOf(value);
    const isLetter = isText(id) && isText(endpoint) && isText(reason) && isNumber(diedAtMs);
    return isLetter && isRecord(entry) && isNumber(objectOf(entry).timeMs);
  },
};

const objectOf = (value: unknown): Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
const isText = (value: unknown): value is string => typeof value === 'string';
const isNumber = (value: unknown): value is number => Number.isSafeInteger(value) && Number(value) >= 0;

const isKind = (value: unknown): boolean => TRANSITION_KINDS.some((kind) => kind === value);

const isRef = (value: unknown): value is ChannelRef => {
  const { app, channel } = objectOf(value);
  return isText(app) && isText(channel);
};

const isFields = (value: unknown): value is WebhookFields =>
  typeof value === 'object' &&
  value !== null &&
  Object.values(value).every((each) => isText(each) || typeof each === 'number');

const isRecord = (value: unknown): value is WebhookRecord => {
  const { type, ref, fields } = objectOf(value);
  return isText(type) && isRef(ref) && isFields(fields);
};

const isAttempts = (value: unknown): boolean =>
  Array.isArray(value) &&
  value.every((pair) => Array.isArray(pair) && pair.length === 2 && isText(pair[0]) && isNumber(pair[1]));
