import type { WebhookType } from '#protocol';
import type { ChannelRef } from './channel-ref.ts';

/** Fields of a webhook event besides its name and its channel; the names are those on the wire. */
export type WebhookFields = Readonly<Record<string, string | number>>;

/** One thing that happened, as it is kept until every endpoint has it. It contains no secret. */
export interface WebhookRecord {
  readonly type: WebhookType;
  /** The channel; for a connection or a user a name that no channel can have (it begins with `#`), which keeps their order. */
  readonly ref: ChannelRef;
  readonly fields: WebhookFields;
}

export interface OutboxEntry extends WebhookRecord {
  /** The same over all attempts, and unlike that of any other entry. */
  readonly id: string;
  /** When it was made: Unix time in milliseconds. */
  readonly timeMs: number;
  /** When it was put into the outbox, or put back from the dead letters: the time for its attempts counts from then. */
  readonly queuedAtMs: number;
  /** Deliveries to this endpoint that were tried before and failed. */
  readonly attempts: number;
}

/** A delivery that was given up. */
export interface DeadLetter {
  readonly id: string;
  readonly endpoint: string;
  readonly entry: WebhookRecord & { readonly timeMs: number };
  /** Why the last attempt failed, for an operator. */
  readonly reason: string;
  readonly diedAtMs: number;
}

/**
 * Events on their way to the endpoints, in the order in which they were made for each channel. The step that makes a transition of
 * a channel adds it itself (see `Membership`); the node adds all others. An entry stays until it is done for every endpoint; what a
 * node took and did not finish before it ended, another one takes.
 */
export interface Outbox {
  /** Adds an event. Never rejects: what cannot be kept is counted as dropped. */
  add(record: WebhookRecord): Promise<void>;
  /** As `add`, but only once within `ms` for equal types and channels, over all nodes. */
  addOnce(record: WebhookRecord, ms: number): Promise<void>;
  /** Called, soon after, when there may be something to take. */
  onAdded(listener: () => void): void;
  /**
   * The next entries for an endpoint, at most `most`, each to one caller only until it is done: those of one channel in their order.
   * Rejects with `Unavailable` when the store does not answer.
   */
  take(endpoint: string, most: number): Promise<readonly OutboxEntry[]>;
  /** These are delivered, or not wanted by the endpoint. Rejects with `Unavailable`: call it again. */
  done(endpoint: string, ids: readonly string[]): Promise<void>;
  /** Keeps the number of failed attempts, for the node that takes it next. */
  failed(endpoint: string, id: string, attempts: number): Promise<void>;
  /** Puts an entry of the endpoint to the dead letters in place of `done`. */
  bury(endpoint: string, entry: OutboxEntry, reason: string): Promise<void>;
  /** The newest first, at most `most`. */
  deadLetters(most: number): Promise<readonly DeadLetter[]>;
  /** Takes dead letters back to the end of their endpoint's queue, as new entries with no attempts. Returns how many there were. */
  replay(ids: readonly string[]): Promise<number>;
  /** Entries of the endpoint that are not done, and how long the oldest of those has waited; 0 without one. */
  waiting(endpoint: string): Promise<{ readonly entries: number; readonly oldestMs: number }>;
  /** Events that were dropped because too many waited, or because the store was away for too long. */
  readonly dropped: number;
}
