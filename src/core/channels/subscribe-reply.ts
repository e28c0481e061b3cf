import type { Member } from '#protocol';
import type { ChannelEvent, CachedEvent } from '../ports/events.ts';

/** SPEC 3.4, 4.4: the events held for a new subscriber, without the member changes that its roster includes already. */
export function notYetInRoster(held: readonly ChannelEvent[], roster: readonly Member[]): ChannelEvent[] {
  const present = new Set(roster.map(({ id }) => id));
  return held.filter(({ memberChange: change }) => {
    if (change === undefined) return true;
    if (present.has(change.id) === change.joined) return false;
    if (change.joined) present.add(change.id);
    else present.delete(change.id);
    return true;
  });
}

/** SPEC 3.10, 3.13: true when the cached event is among those held for the socket: it arrives with them, in order. */
export const isQueuedEvent = (
  held: readonly ChannelEvent[],
  cached: CachedEvent | undefined,
  socketId: string,
): boolean => held.some(({ payload, except }) => payload === cached?.payload && except !== socketId);
