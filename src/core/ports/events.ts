import type { ChannelRef } from './channel-ref.ts';
import type { Once } from './nodes/idempotency.ts';

export type { ChannelRef } from './channel-ref.ts';

/** Retention of published events: how many are remembered, and for how long. */
export interface Retention {
  readonly size: number;
  readonly ttlSeconds: number;
  /** Cache channels: time for which new subscribers get the event (SPEC 3.10). 0 or none: they do not. */
  readonly lastSeconds?: number;
  /** Bytes that are remembered for the app in total, one half for histories, one for last events. 0 or none: no limit. */
  readonly appBytes?: number;
}

/** Place of an event in the history of its channel: the `Position` of SPEC 13.1. */
export interface EventPosition {
  readonly epoch: string;
  readonly generation: string;
  readonly offset: number;
}

/** An event with its finished frame. The publishing node encodes it; member changes are encoded by each node that receives them from Redis. */
export interface ChannelEvent {
  /** The finished frame text, as `encode.*` makes it. */
  readonly payload: string;
  /** Socket id that must not receive it. */
  readonly except?: string | undefined;
  /** May be left out for a socket that reads too slowly (client events, counts). */
  readonly bestEffort?: boolean;
  /** The member that joined or left, when the event reports one: a roster may include the change already. */
  readonly memberChange?: MemberChange | undefined;
  /** Its place in the channel's history (SPEC 13.1); `undefined`: it is in none. */
  readonly position?: EventPosition | undefined;
}

export interface MemberChange {
  readonly id: string;
  readonly joined: boolean;
}

export type Deliver = (ref: ChannelRef, event: ChannelEvent) => void;

/** Reports how many events of a channel were delivered from the history, because this node had missed them. */
export type Replayed = (ref: ChannelRef, events: number) => void;

/** Carries events between nodes, this one included. Every event takes this way, so that each channel has one order. */
export interface Broker {
  /** Called once, before any `subscribe`. Neither `deliver` nor `replayed` may throw. */
  start(deliver: Deliver, replayed?: Replayed): Promise<void>;
  /**
   * Resolves once events published from now on will arrive, with the position of the newest event that was published before or
   * that has arrived; `undefined`: it is not known, and a further call may find it.
   */
  subscribe(ref: ChannelRef): Promise<EventPosition | undefined>;
  unsubscribe(ref: ChannelRef): Promise<void>;
  /**
   * Remembers (when `keep` is given) and publishes as one atomic step. Rejects with `Unavailable` when it was not and
   * never will be published, with `OutcomeUnknown` when that is not known. A broker that publishes several events in one
   * batch returns the same promise for each of them; callers may tell batches apart by it.
   */
  publish(ref: ChannelRef, event: ChannelEvent, keep?: Retention): Promise<void>;
  /**
   * The same, but one step with the mark that it was published. Resolves with false when any node has published it before, in
   * the time of the mark; nothing is done then.
   */
  publishOnce(ref: ChannelRef, event: ChannelEvent, once: Once, keep?: Retention): Promise<boolean>;
}

export interface CachedEvent {
  readonly payload: string;
  readonly ttlSeconds: number;
}

/** Reads what the broker remembered. */
export interface CachedEvents {
  last(ref: ChannelRef): Promise<CachedEvent | undefined>;
}

/** The oldest part of what the history of a channel has after a position. */
export interface HistoryPart {
  /** Position of the channel; `undefined`: nothing of it is kept. */
  readonly newest: EventPosition | undefined;
  /** Offset after which the part begins: the one that was asked for, or 0 where the history is another one. */
  readonly from: number;
  /** Offset with which the part ends. */
  readonly until: number;
  /** Events with their positions, in their order; those that are no longer kept are missing. */
  readonly events: readonly ChannelEvent[];
  /** Milliseconds since a position of the app was last dropped early; -1: none was. */
  readonly droppedAgoMs: number;
  /** Milliseconds since the store was last replaced or restarted: what it has kept since then is complete. */
  readonly completeForMs: number;
}

/** Bounds of one part; the event that reaches the bytes ends it. */
export interface HistoryPortion {
  readonly events: number;
  readonly bytes: number;
}

/** Reads the events that the broker remembered. */
export interface History {
  /** Rejects with `Unavailable`. */
  after(ref: ChannelRef, position: EventPosition, portion: HistoryPortion): Promise<HistoryPart>;
}
