import { type GapReason, isSameHistory, type Position } from '#protocol';
import type { HistoryPart } from '../ports/events.ts';

/** Facts about a client that comes back to a channel. */
export interface GapQuestion {
  /** Where the client continues. */
  readonly position: Position;
  readonly awayMs: number;
  /** Milliseconds for which events of the channel are kept. */
  readonly ttlMs: number;
  readonly part: HistoryPart;
  /** Events between the position and what can be sent. */
  readonly missing: number;
}

/** SPEC 13.6: why events may be missing between a position and the oldest part after it; `undefined`: none are. */
export function gapReason({ position, awayMs, ttlMs, part, missing }: GapQuestion): GapReason | undefined {
  const { newest, droppedAgoMs, completeForMs } = part;
  if (newest !== undefined && isSameHistory(newest, position)) {
    if (position.offset > newest.offset) return 'unknown';
    return missing > 0 ? 'expired' : undefined;
  }
  // Another history: it began after the position, with its first event, if everything since then was kept.
  if (completeForMs <= awayMs) return 'restarted';
  if (droppedAgoMs >= 0 && droppedAgoMs <= awayMs) return 'dropped';
  return awayMs > ttlMs || missing > 0 ? 'expired' : undefined;
}
