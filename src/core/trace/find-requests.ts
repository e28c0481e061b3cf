import type { ByteRing } from './byte-ring.ts';
import type { PublishedName, RequestFacts, TraceQuery } from './facts.ts';
import { nearness } from './near-names.ts';
import type { EventMark, TracedRequest } from './traced-request.ts';

type Requests = ByteRing<TracedRequest>;

/** Requests that an answer has. */
export const MOST_REQUESTS = 5;
/** Parts of those after the newest. */
const FEW_PARTS = 3;
const MOST_NEAR = 5;

/** Reads `ID` and `ID.PLACE` (SPEC 16.1). */
export function splitId(id: string): { readonly request: string; readonly place?: number | undefined } {
  const [request = '', place] = id.split('.');
  return { request, place: place === undefined ? undefined : Number(place) };
}

/** The newest requests that fit; without an id and a channel, those of clients do not. */
export function findRequests(rings: readonly Requests[], query: TraceQuery): readonly RequestFacts[] {
  const searched = query.id === undefined && query.channel === undefined ? rings.slice(0, 1) : rings;
  return searched
    .flatMap((ring) => {
      const seen: TracedRequest[] = [];
      const found: RequestFacts[] = [];
      const repeatedAt = (mark: EventMark): number | undefined =>
        seen.findLast((later) => later.hasPublished(mark))?.atMs;
      for (const request of ring.newestFirst()) {
        if (found.length === MOST_REQUESTS) break;
        if (fits(request, query)) found.push(request.facts(partsOf(query), repeatedAt));
        seen.push(request);
      }
      return found;
    })
    .sort((one, other) => other.atMs - one.atMs)
    .slice(0, MOST_REQUESTS)
    .map((request, at) => (at === 0 ? request : { ...request, parts: request.parts.slice(0, FEW_PARTS) }));
}

function fits(request: TracedRequest, { id, app, channel }: TraceQuery): boolean {
  if (id !== undefined) return request.id === splitId(id).request;
  return (
    (app === undefined || request.sender.app === app) && (channel === undefined || request.isFor(channel))
  );
}

const partsOf = ({ id, channel }: TraceQuery) => ({
  channel,
  place: id === undefined ? undefined : splitId(id).place,
});

/** Channels that were published to and whose names are near the one that is asked for, the newest first. */
export function publishedNear(ring: Requests, { app, channel }: TraceQuery): readonly PublishedName[] {
  const near = new Map<string, number>();
  if (channel === undefined) return [];
  for (const request of ring.newestFirst()) {
    if (near.size === MOST_NEAR) break;
    if (app !== undefined && app !== request.sender.app) continue;
    for (const name of request.channels())
      if (!near.has(name) && nearness(channel, name) !== undefined) near.set(name, request.atMs);
  }
  return [...near].slice(0, MOST_NEAR).map(([name, atMs]) => ({ channel: name, atMs }));
}
