import { isSameHistory, type Position } from '#protocol';
import type { EventsMessage } from './message-codec.ts';

/** Position of the events of one message in their channel. */
export type MessagePosition = NonNullable<EventsMessage['position']>;

/** True when no event is missing between the two; also when the message was delivered already, in part or whole. */
export function isContiguous(known: Position | undefined, at: MessagePosition): boolean {
  if (known === undefined) return at.first === 1;
  return isSameHistory(known, at) && at.first <= known.offset + 1;
}

/**
 * Returns the position at which a node begins a channel that is new to it: `stored`, as Redis answered after the subscription, or
 * earlier, before the first message that arrived meanwhile. Those messages came after the subscription, so they are delivered:
 *
 *     subscribed, then offsets 8 and 9 are received, then Redis answers 9
 *     begins at 7, so that 8 and 9 are delivered
 */
export function startPosition(stored: Position, received: readonly MessagePosition[]): Position {
  const before = received.filter((each) => isSameHistory(stored, each)).map(({ first }) => first - 1);
  return { ...stored, offset: Math.min(stored.offset, ...before) };
}

/**
 * Returns the position at which a channel continues that was at `known` and whose missed events cannot be read: its start
 * position, but never before `known`. Where Redis does not answer the position either, it continues with the first message that
 * was received.
 */
export function positionAfterGap(
  known: Position | undefined,
  stored: Position | undefined,
  received: readonly MessagePosition[],
): { readonly position: Position | undefined; readonly skipped: number } {
  const [first] = received;
  const newest =
    stored === undefined ? first && { ...first, offset: first.first - 1 } : startPosition(stored, received);
  if (known === undefined || newest === undefined || !isSameHistory(known, newest))
    return { position: newest, skipped: 0 };
  const skipped = Math.max(0, newest.offset - known.offset);
  return { position: { ...newest, offset: known.offset + skipped }, skipped };
}
