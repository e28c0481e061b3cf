import { encode, type Member } from '#protocol';
import type { Connection } from '../client/connection.ts';
import type { ChannelEvent, CachedEvent } from '../ports/events.ts';
import { type Excludable, isExcluded } from './fan-out/batch.ts';

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

/** SPEC 3.10, 13.5: sends the cached event of a channel, unless it is among the events that follow: then it arrives with them, in order. */
export function sendCached(
  client: Connection,
  channel: string,
  cached: CachedEvent | undefined,
  following: readonly ChannelEvent[],
): void {
  if (!isQueuedEvent(following, cached, client)) client.send(cached?.payload ?? encode.cacheMiss(channel));
}

/** SPEC 3.10, 3.13: true when the cached event is among events that the client is sent. */
export const isQueuedEvent = (
  held: readonly ChannelEvent[],
  cached: CachedEvent | undefined,
  client: Excludable,
): boolean => held.some((event) => event.payload === cached?.payload && !isExcluded(event, client));
