import { encode, type GapReason, type Position } from '#protocol';
import { isExcluded } from '../channels/fan-out/batch.ts';
import { retentionOf } from '../channels/retention.ts';
import { sendCached } from '../channels/subscribe-reply.ts';
import type { Connection, Subscription } from '../client/connection.ts';
import type { CachedEvent, ChannelEvent, ChannelRef, History, HistoryPart } from '../ports/events.ts';
import { Unavailable } from '../ports/failures.ts';
import type { ResumePoint } from '../ports/tab-store.ts';
import { type GapQuestion, gapReason } from './gap.ts';
import { askPatiently } from './patience.ts';
import { isAfter, type SentPosition } from './positions.ts';

/** Limits of what is read and written at once. */
const PORTION = { events: 200, bytes: 128 * 1024 };
/** Events that wait for a subscriber while its missed events are sent; beyond, they are read from the history. */
const MOST_HELD = 1000;

interface ReplayDeps {
  readonly hub: { hasBegun(ref: ChannelRef, sent?: Position): Promise<boolean> };
  readonly history: History;
  readonly clock: () => number;
  /** Unsent bytes above which the next portion waits. */
  readonly softBytes: number;
}

/** The event of a cache channel for new subscribers; `undefined`: the channel has none. */
type Cached = { readonly event: CachedEvent | undefined } | undefined;

/** Sends a client what it missed on one channel (SPEC 13.5). */
export class Replay {
  readonly #deps: ReplayDeps;

  constructor(deps: ReplayDeps) {
    this.#deps = deps;
  }

  /**
   * Sends the missed events of a subscriber that has its `subscription_succeeded`; what is newer stays held for it. `cached`: what
   * a new subscriber of a cache channel would get. Resolves with the position up to which the client has the events; `undefined`:
   * it is not known.
   */
  async run(
    subscription: Subscription,
    point: ResumePoint,
    cached: Cached,
  ): Promise<SentPosition | undefined> {
    const { connection, ref } = subscription;
    connection.traffic.resumed += 1;
    const start = point.position;
    const first = start && (await this.#read(ref, start));
    if (start === undefined || first === undefined) {
      tell(subscription, start === undefined ? 'unknown' : 'unavailable');
      offerCached(subscription, [], cached);
      return start && { ...start, isClaimed: true };
    }
    if (connection.closing) return undefined;
    const awayMs = this.#deps.clock() - point.atMs;
    const since = { position: start, awayMs, ttlMs: keptMs(connection, ref) };
    const { events, isWhole } = missedEvents(subscription, first, since);
    // A history that goes on ends with what is cached, or with what came after it.
    const isLast = first.newest === undefined || first.until >= first.newest.offset;
    const isOffered = !isWhole || point.isFresh || cached?.event === undefined;
    if (isOffered && isLast) offerCached(subscription, events, cached);
    send(subscription, events, first);
    return this.#sendRest(subscription, first);
  }

  async #sendRest(subscription: Subscription, first: HistoryPart): Promise<Position | undefined> {
    const { connection, ref } = subscription;
    let part = first;
    while (part.newest !== undefined && part.until < part.newest.offset) {
      await this.#whenRead(connection);
      limitHeld(subscription);
      const at = { ...part.newest, offset: part.until };
      const next = await this.#read(ref, at);
      if (connection.closing) return undefined;
      if (next === undefined) {
        tell(subscription, 'unavailable');
        return at;
      }
      const { events } = missedEvents(subscription, next, { position: at, awayMs: 0, ttlMs: Infinity });
      send(subscription, events, next);
      part = next;
    }
    if (part.newest === undefined) return undefined;
    const sent = { ...part.newest, offset: part.until };
    if ((await askPatiently(() => this.#whenBegun(ref, sent), this.#deps.clock)) === undefined)
      tell(subscription, 'unavailable');
    return sent;
  }

  /** Reads the history once newer events arrive here, so that none comes between the two. `undefined`: it cannot be read. */
  #read(ref: ChannelRef, position: Position): Promise<HistoryPart | undefined> {
    const { history, clock } = this.#deps;
    return askPatiently(async () => {
      await this.#whenBegun(ref);
      return history.after(ref, position, PORTION);
    }, clock);
  }

  async #whenBegun(ref: ChannelRef, sent?: Position): Promise<true> {
    if (!(await this.#deps.hub.hasBegun(ref, sent))) throw new Unavailable('events do not arrive');
    return true;
  }

  /** Resolves when the client has read enough of what was written before. */
  async #whenRead({ socket, closing }: Connection): Promise<void> {
    if (closing || socket.bufferedBytes <= this.#deps.softBytes) return;
    await new Promise<void>((resolve) => socket.whenFlushed(resolve));
  }
}

/** Milliseconds for which events of a channel are kept. */
function keptMs({ app }: Connection, ref: ChannelRef): number {
  const { size, ttlSeconds } = retentionOf(app, ref.channel);
  return size === 0 ? 0 : ttlSeconds * 1000;
}

/** The events of a part; where some may be missing, the client is told (SPEC 13.6). */
function missedEvents(
  subscription: Subscription,
  part: HistoryPart,
  since: Pick<GapQuestion, 'position' | 'awayMs' | 'ttlMs'>,
): { readonly events: readonly ChannelEvent[]; readonly isWhole: boolean } {
  const events = eventsAfter(part, subscription.held);
  const missing = part.until - part.from - events.length;
  const reason = gapReason({ ...since, part, missing });
  if (reason !== undefined) tell(subscription, reason, missing > 0 ? missing : undefined);
  return { events, isWhole: reason === undefined };
}

/** The events of a part, in their order; those that the history no longer has are taken from the events that are held. */
function eventsAfter(
  { newest, from, until, events }: HistoryPart,
  held: readonly ChannelEvent[] = [],
): ChannelEvent[] {
  const byOffset = new Map<number, ChannelEvent>();
  for (const event of [...held, ...events]) {
    const { position } = event;
    if (position === undefined || position.epoch !== newest?.epoch) continue;
    if (position.offset > from && position.offset <= until) byOffset.set(position.offset, event);
  }
  return [...byOffset].sort(([one], [other]) => one - other).map(([, event]) => event);
}

function send(
  subscription: Subscription,
  events: readonly ChannelEvent[],
  { newest, until }: HistoryPart,
): void {
  const { connection } = subscription;
  for (const event of events) {
    if (isExcluded(event, connection)) continue;
    connection.sendEvent(event);
    connection.traffic.replayed += 1;
  }
  if (newest === undefined) return;
  const sent = { ...newest, offset: until };
  subscription.held = subscription.held?.filter((event) => isAfter(event, sent));
}

/** Drops events that the history has as well, so that what waits for a slow reader is bounded. */
function limitHeld(subscription: Subscription): void {
  const { held = [] } = subscription;
  if (held.length > MOST_HELD)
    subscription.held = held.filter(({ position }) => position === undefined).slice(-MOST_HELD);
}

/** SPEC 13.6. */
function tell({ connection, ref }: Subscription, reason: GapReason, missing?: number): void {
  connection.traffic.gaps.add(reason);
  if (connection.encoder.positions === true) connection.send(encode.gap(ref.channel, reason, missing));
}

/** SPEC 3.10, 13.5: the cached event, unless it is among the events that follow. */
function offerCached(
  { connection, ref, held = [] }: Subscription,
  missed: readonly ChannelEvent[],
  cached: Cached,
): void {
  if (cached !== undefined) sendCached(connection, ref.channel, cached.event, [...missed, ...held]);
}
