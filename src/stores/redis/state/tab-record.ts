import { isJsonObject, isSocketId, parseJsonObject, parsePosition, positionText } from '#protocol';
import type { ResumePoint, TabRecord } from '../../../core/ports/tab-store.ts';

/** A point as JSON: the position, '' when it is not known; the time; 1 when it is fresh. */
type StoredPoint = readonly [position: string, atMs: number, isFresh?: 1];

/** Encodes what is kept of one socket; its id is the field of the hash. */
export function encodeTabRecord(record: TabRecord): string {
  const { earlierSocketIds, openedAtMs, heardAtMs, awaySinceMs, lateAtMs, points } = record;
  const stored = [...points].map(([channel, { position, atMs, isFresh }]): [string, StoredPoint] => {
    const text = position === undefined ? '' : positionText(position);
    return [channel, isFresh ? [text, atMs, 1] : [text, atMs]];
  });
  return JSON.stringify({
    ...{ sockets: earlierSocketIds, opened: openedAtMs, heard: heardAtMs, away: awaySinceMs },
    ...{ late: lateAtMs, points: stored },
  });
}

/** Decodes strictly: `undefined` for anything that a node does not write. The first version wrote no times of sockets. */
export function decodeTabRecord(socketId: string, text: string): TabRecord | undefined {
  const json = parseJsonObject(text) ?? {};
  const { sockets, opened = 0, heard = Number.MAX_SAFE_INTEGER, away, late, points } = json;
  const stored = Array.isArray(points) ? points.map(pointIn) : [undefined];
  const isValid =
    isSocketId(socketId) &&
    Array.isArray(sockets) &&
    sockets.every(isId) &&
    isTime(opened) &&
    isTime(heard) &&
    isTimeOrNone(away) &&
    isTimeOrNone(late);
  if (!isValid || !stored.every((each) => each !== undefined)) return undefined;
  const times = { openedAtMs: opened, heardAtMs: heard, awaySinceMs: away };
  const lateness = late === undefined ? {} : { lateAtMs: late };
  return { socketId, earlierSocketIds: sockets, ...times, ...lateness, points: new Map(stored) };
}

const isId = (value: unknown): value is string => typeof value === 'string' && isSocketId(value);

const isTime = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;

const isTimeOrNone = (value: unknown): value is number | undefined => value === undefined || isTime(value);

function pointIn(entry: unknown): [string, ResumePoint] | undefined {
  if (!Array.isArray(entry) || entry.length !== 2 || isJsonObject(entry[1])) return undefined;
  const [channel, point] = entry as [unknown, unknown];
  if (typeof channel !== 'string' || !Array.isArray(point)) return undefined;
  const [text, atMs, isFresh] = point as unknown[];
  const position = parsePosition(text);
  if (!isTime(atMs) || (position === undefined && text !== '')) return undefined;
  return [channel, { position, atMs, isFresh: isFresh === 1 }];
}
