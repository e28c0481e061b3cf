import type { Member } from '#protocol';
import type { Retention } from '../app.ts';
import type { Metric } from './metric.ts';

/** A channel of one app; the pair is the key everywhere. */
export interface ChannelRef {
  readonly app: string;
  readonly channel: string;
}

/** An event on its way: encoded once, by its publisher. */
export interface ChannelEvent {
  /** The finished frame text, as `encode.*` makes it. */
  readonly payload: string;
  /** Socket id that must not receive it. */
  readonly except?: string | undefined;
  /** May be left out for a socket that reads too slowly (client events, counts). */
  readonly bestEffort?: boolean;
  /** The member that joined or left, when the event reports one: a roster may include the change already. */
  readonly memberChange?: MemberChange | undefined;
}

export interface MemberChange {
  readonly id: string;
  readonly joined: boolean;
}

export type Deliver = (ref: ChannelRef, event: ChannelEvent) => void;

/** Carries events between nodes, this one included: an event has one road, and one order per channel. */
export interface Broker {
  /** Called once, before any `subscribe`. `deliver` must not throw. */
  start(deliver: Deliver): Promise<void>;
  /** Resolves once events published from now on will arrive. */
  subscribe(ref: ChannelRef): Promise<void>;
  unsubscribe(ref: ChannelRef): Promise<void>;
  /**
   * Remembers (when `keep` is given) and publishes as one atomic step. Rejects with `Unavailable` when it was not and
   * never will be published, with `OutcomeUnknown` when that is not known. A broker that publishes several events in one
   * batch returns the same promise for each of them; callers may tell batches apart by it.
   */
  publish(ref: ChannelRef, event: ChannelEvent, keep?: Retention): Promise<void>;
}

export interface Remembered {
  readonly payload: string;
  readonly ttlSeconds: number;
}

/** Reads what the broker remembered. */
export interface History {
  last(ref: ChannelRef): Promise<Remembered | undefined>;
}

export interface Occupancy {
  readonly subscriptions: number;
  readonly users: number;
  /** Nodes that have these subscriptions, where there may be several. */
  readonly nodes?: number;
}

export interface Joining {
  /** Sockets of this node on the channel, the joining one included. */
  readonly subscriptions: number;
  /** Given when this is the node's first socket of that user on the channel. */
  readonly member?: Member | undefined;
  /** The joining socket, which must not receive its own `member_added`. */
  readonly socketId: string;
}

export interface Leaving {
  /** Sockets that this node still has on the channel. */
  readonly subscriptions: number;
  /** Given when the node's last socket of that user left the channel. */
  readonly member?: Member | undefined;
}

/**
 * Subscriptions and members of the whole cluster. A node reports edges, not sockets: its first and last socket on a
 * channel, the first and last socket of a user on a presence channel.
 * The step that decides that a user joined or left also publishes `member_added` or `member_removed` on the channel.
 */
export interface Membership {
  join(ref: ChannelRef, joining: Joining): Promise<void>;
  /** Leaving twice is not an error. */
  leave(ref: ChannelRef, leaving: Leaving): Promise<void>;
  /** This node's number of sockets on a channel that it already holds changed. */
  count(ref: ChannelRef, subscriptions: number): void;
  /** In the order in which they joined. */
  members(ref: ChannelRef): Promise<readonly Member[]>;
  occupancy(ref: ChannelRef): Promise<Occupancy>;
  /** Every occupied channel of the app whose name begins with `prefix`. */
  channels(app: string, prefix: string): Promise<ReadonlyMap<string, Occupancy>>;
}

/** Counts the connections of an app in the whole cluster against its limit. */
export interface ConnectionQuota {
  /** Counts the connection against `limit` (0 = none), cluster-wide; false when the app is full. */
  admit(app: string, limit: number): Promise<boolean>;
  dismiss(app: string): void;
  connections(app: string): Promise<number>;
}

export type Terminate = (app: string, user: string) => void;

/** Commands for every node, this one included. */
export interface Control {
  /** Called once, before any `terminate`. */
  onTerminate(terminate: Terminate): void;
  /** Resolves when the command is sent; rejects as `publish` does. */
  terminate(app: string, user: string): Promise<void>;
}

/** A few small things that all nodes share and that outlive them, as JSON values. */
export interface SharedState {
  /** `undefined`: it was never written, or cannot be understood. Rejects with `Unavailable`. */
  read(name: string): Promise<unknown>;
  /** Resolves when the next start will find it. Rejects with `Unavailable`. */
  write(name: string, value: object): Promise<void>;
}

/** Signatures of requests that were accepted, on all nodes: each is accepted once. */
export interface Replays {
  /** Signatures that were forgotten before they expired. */
  readonly forgotten: number;
  /**
   * True once for each signature of an app, whichever node asks, until it expires; 0: it never does. Rejects with
   * `Unavailable` when it cannot be known.
   */
  take(app: string, signature: string, ttlMs: number): Promise<boolean>;
}

/** Everything shared, from one place: memory or Redis. Opened together, closed together. */
export interface Stores {
  readonly broker: Broker;
  readonly history: History;
  readonly membership: Membership;
  readonly quota: ConnectionQuota;
  readonly control: Control;
  readonly state: SharedState;
  readonly replays: Replays;
  /** Metrics of the stores. */
  readonly metrics: readonly Metric[];
  /** False while the shared store is out of reach. */
  isReady(): boolean;
  /** Problems that an operator should know although the node serves; short sentences, without app data. */
  warnings(): readonly string[];
  close(): Promise<void>;
}
