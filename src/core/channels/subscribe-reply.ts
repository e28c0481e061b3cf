import type { Member } from '#protocol';
import type { ChannelEvent, Remembered } from '../ports/cluster.ts';

/** SPEC 3.4, 4.4: of the events that wait for a new subscriber, those that the roster it was sent does not tell already. */
export function notYetInRoster(held: readonly ChannelEvent[], roster: readonly Member[]): ChannelEvent[] {
  const present = new Set(roster.map(({ id }) => id));
  return held.filter(({ memberChange: news }) => {
    if (news === undefined) return true;
    if (present.has(news.id) === news.joined) return false;
    if (news.joined) present.add(news.id);
    else present.delete(news.id);
    return true;
  });
}

/** SPEC 3.10, 3.13: the remembered event is among those that wait for the socket, so it comes by itself, in its order. */
export const isQueuedEvent = (
  held: readonly ChannelEvent[],
  cached: Remembered | undefined,
  socketId: string,
): boolean => held.some(({ payload, except }) => payload === cached?.payload && except !== socketId);
