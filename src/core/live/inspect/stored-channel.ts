import { kindOf, NO_EVENTS, parseJsonObject } from '#protocol';
import type { ChannelEvent, ChannelRef } from '../../ports/events.ts';
import { Unavailable } from '../../ports/failures.ts';
import type { Occupancy } from '../../ports/membership.ts';
import type { Stores } from '../../ports/stores.ts';

/** Members of one page of a roster. */
export const MAX_MEMBERS = 100;
/** Events of the history that are listed, the newest of those that are kept. */
export const MAX_EVENTS = 50;
const PART_BYTES = 1024 * 1024;
/** Characters of the data of an event; what is longer is cut. */
export const MAX_DATA_CHARS = 10_000;

/** An event that is kept, without its data unless they are asked for. */
export interface KeptEvent {
  /** `undefined`: it is the last event of a cache channel. */
  readonly offset?: number | undefined;
  readonly event: string;
  /** Of its frame. */
  readonly bytes: number;
  readonly data?: string | undefined;
  readonly except?: string | undefined;
}

/** Parts of a channel in the shared store. */
export interface StoredChannel {
  readonly occupancy: Occupancy;
  /** `undefined`: it is no presence channel. */
  readonly members: { readonly total: number; readonly ids: readonly string[] } | undefined;
  /** The newest first. */
  readonly events: readonly KeptEvent[];
  /** `undefined`: there is none, or it is no cache channel. */
  readonly cached: (KeptEvent & { readonly ttlSeconds: number }) | undefined;
}

interface StoredQuery {
  /** Members of the roster that are left out. */
  readonly skip: number;
  /** The data of events are wanted. */
  readonly data: boolean;
}

type StoredParts = Pick<Stores, 'membership' | 'history' | 'cachedEvents'>;

/** Reads a channel from the shared store; a sentence when the store does not answer. */
export async function readStored(
  stores: StoredParts,
  ref: ChannelRef,
  query: StoredQuery,
): Promise<StoredChannel | string> {
  try {
    const [occupancy, members, events, cached] = await Promise.all([
      stores.membership.occupancy(ref),
      kindOf(ref.channel).members ? membersOf(stores, ref, query.skip) : undefined,
      newestEvents(stores, ref, query.data),
      kindOf(ref.channel).cached ? cachedEvent(stores, ref, query.data) : undefined,
    ]);
    return { occupancy, members, events, cached };
  } catch (error) {
    if (error instanceof Unavailable) return error.message;
    throw error;
  }
}

async function membersOf({ membership }: StoredParts, ref: ChannelRef, skip: number) {
  const all = await membership.members(ref);
  return { total: all.length, ids: all.slice(skip, skip + MAX_MEMBERS).map(({ id }) => id) };
}

async function newestEvents({ history }: StoredParts, ref: ChannelRef, data: boolean) {
  const { newest } = await history.after(ref, NO_EVENTS, { events: 1, bytes: 1 });
  if (newest === undefined) return [];
  const kept: KeptEvent[] = [];
  // Each part has an event at least: large ones come in several parts.
  for (let from = Math.max(0, newest.offset - MAX_EVENTS); from < newest.offset;) {
    const position = { ...newest, offset: from };
    const { events, until } = await history.after(ref, position, { events: MAX_EVENTS, bytes: PART_BYTES });
    kept.push(...events.map((event) => keptEvent(event, data)));
    if (until <= from) break;
    from = until;
  }
  return kept.slice(-MAX_EVENTS).reverse();
}

async function cachedEvent({ cachedEvents }: StoredParts, ref: ChannelRef, data: boolean) {
  const last = await cachedEvents.last(ref);
  return last && { ...keptEvent(last, data), ttlSeconds: last.ttlSeconds };
}

function keptEvent(
  { payload, position, except }: Pick<ChannelEvent, 'payload' | 'position' | 'except'>,
  isWithData: boolean,
): KeptEvent {
  const { event = '', data = '' } = parseJsonObject(payload) ?? {};
  const text = typeof data === 'string' ? data : JSON.stringify(data);
  return {
    offset: position?.offset,
    event: String(event),
    bytes: Buffer.byteLength(payload),
    except,
    data: isWithData ? text.slice(0, MAX_DATA_CHARS) : undefined,
  };
}
