import { isSameHistory } from '#protocol';
import type { ResumePoint, TabRecord } from '../ports/tab-store.ts';
import { newestSockets } from './earlier-sockets.ts';

/** Sockets of one tab whose records are kept (SPEC 13.8). */
export const MOST_RECORDS = 8;

/** Places that a new socket of a tab takes over. */
export interface Inheritance {
  readonly points: ReadonlyMap<string, ResumePoint>;
  readonly earlierSocketIds: readonly string[];
  /** Records that are no longer needed. */
  readonly ended: readonly string[];
  /** Records that other sockets of the tab will continue. */
  readonly changed: readonly TabRecord[];
  /** Records that were dropped because there are too many. */
  readonly dropped: number;
}

/**
 * SPEC 13.2: the earliest point of each channel over all records, but those of lost connections whose client has come back. The
 * record of the socket that closed last is taken over; which one of several closed sockets belonged to this client is not known,
 * so the others get the earliest points too.
 */
export function inherit(all: readonly TabRecord[]): Inheritance {
  const lost = all.filter((record) => isReplaced(record, all));
  const records = all.filter((record) => !lost.includes(record));
  const away = records
    .filter(({ awaySinceMs }) => awaySinceMs !== undefined)
    .sort((one, other) => (one.awaySinceMs ?? 0) - (other.awaySinceMs ?? 0));
  const points = earliestPoints(records);
  const taken = away.pop();
  const open = records.length - away.length - (taken === undefined ? 0 : 1);
  const dropped = away.splice(0, Math.max(0, away.length + open + 1 - MOST_RECORDS));
  return {
    points,
    earlierSocketIds: newestSockets(socketIdsOf(all)),
    ended: [...(taken === undefined ? [] : [taken]), ...dropped, ...lost].map(({ socketId }) => socketId),
    changed: away.map((record) => ({ ...record, points: restricted(points, record.points) })),
    dropped: dropped.length,
  };
}

/**
 * SPEC 13.2: true when nothing was received from the socket since a newer one of the tab opened. A record that was written late is
 * unknown to a socket that opened before, which began anew: what the record would repeat is long gone by.
 */
const isReplaced = ({ socketId, heardAtMs, lateAtMs = 0 }: TabRecord, all: readonly TabRecord[]): boolean =>
  all.some(
    ({ openedAtMs, earlierSocketIds }) =>
      openedAtMs > heardAtMs && (openedAtMs <= lateAtMs || earlierSocketIds.includes(socketId)),
  );

const socketIdsOf = (records: readonly TabRecord[]): string[] =>
  records.flatMap(({ earlierSocketIds, socketId }) => [...earlierSocketIds, socketId]);

function earliestPoints(records: readonly TabRecord[]): ReadonlyMap<string, ResumePoint> {
  const points = new Map<string, ResumePoint>();
  for (const record of records)
    for (const [channel, point] of record.points) {
      const known = points.get(channel);
      points.set(channel, known === undefined ? point : earlierOf(known, point));
    }
  return points;
}

function earlierOf(one: ResumePoint, other: ResumePoint): ResumePoint {
  const earlier = isEarlier(one, other) ? one : other;
  return { ...earlier, atMs: Math.min(one.atMs, other.atMs), isFresh: one.isFresh || other.isFresh };
}

function isEarlier({ position, atMs }: ResumePoint, other: ResumePoint): boolean {
  if (position === undefined || other.position === undefined) return position === undefined;
  if (isSameHistory(position, other.position)) return position.offset <= other.position.offset;
  return atMs <= other.atMs;
}

const restricted = (
  points: ReadonlyMap<string, ResumePoint>,
  to: ReadonlyMap<string, ResumePoint>,
): ReadonlyMap<string, ResumePoint> => new Map([...points].filter(([channel]) => to.has(channel)));
