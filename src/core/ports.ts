import type { Member } from '#protocol';
import type { App, Retention } from './app.ts';
import type { StopReason } from './client/reading.ts';

export type { Retention } from './app.ts';

// --- a client's wire ---------------------------------------------------------------------------

/** How one kind of transport puts a payload on its wire. One shared object per kind. */
export interface Wire {
  /** The bytes of one payload (the JSON text of a frame). Called once per event, not once per socket. */
  frame(payload: string): Buffer;
}

/** What a transport gives: anything that can take bytes and be closed is a client. No member may throw. */
export interface Socket {
  readonly wire: Wire;
  readonly remoteAddress: string;
  readonly secure: boolean;
  /** Bytes accepted by `write` that the network has not taken yet; a write that is under way may count as a whole. */
  readonly bufferedBytes: number;
  /** Exactly those, without what is left of the largest frame among them. */
  readonly bytesBeyondLargestFrame: number;
  /** Bytes that the network has taken since the socket opened. */
  readonly takenBytes: number;
  /** Writes bytes made by this socket's `wire`, in order; a socket that is closing drops them. */
  write(bytes: Buffer): void;
  /** Calls back once, when the network has taken everything that was written before, or the socket is gone. */
  whenTaken(done: () => void): void;
  /** Says goodbye with a close code after what was written before. */
  close(code: number, reason: string): void;
  /** Ends the socket at once, without a word: for peers that do not read. */
  terminate(): void;
  /** Asks for a sign of life by a control frame or heartbeat. */
  ping(): void;
  /** True while reading is stopped, for any reason. */
  readonly readingStopped: boolean;
  /** Stops reading from the client until the same reason is taken back. A socket that is closing reads on, and drops. */
  stopReading(reason: StopReason): void;
  /** Takes one reason back; reading goes on when no other is left. */
  resumeReading(reason: StopReason): void;
}

export interface Handshake {
  readonly appKey: string;
  readonly protocol: string | undefined;
  readonly origin: string | undefined;
  /** A probe that proved the app's secret: measures the server, is in no limit and in no count of people. */
  readonly isProbe?: boolean;
  /** Called with true when the client is greeted, with false when a fault of this server prevents it; not when it is refused. */
  readonly decided?: (isGreeted: boolean) => void;
}

/** What the transport gets back: the three things that it must report. No member throws. */
export interface Session {
  /** One whole message in UTF-8; what is not UTF-8 comes as an empty one, which is as malformed. */
  received(message: Buffer): void;
  /** A control frame or heartbeat arrived. */
  alive(): void;
  closed(code: number): void;
}

/** The one door into the core. Never throws: a refused client is answered and closed by the same road. */
export interface Gateway {
  opened(socket: Socket, handshake: Handshake): Session;
}

// --- the cluster -------------------------------------------------------------------------------

/** A channel of one app; the pair is the key everywhere. */
export interface ChannelRef {
  readonly app: string;
  readonly channel: string;
}

/** An event on its way: encoded once, by whoever publishes it. */
export interface ChannelEvent {
  /** The finished frame text, as `encode.*` makes it. */
  readonly payload: string;
  /** Socket id that must not receive it. */
  readonly except?: string | undefined;
  /** May be left out for a socket that reads too slowly (client events, counts). */
  readonly bestEffort?: boolean;
  /** The member that came or went, when that is what the event tells: a roster may know it already. */
  readonly news?: MemberNews | undefined;
}

export interface MemberNews {
  readonly id: string;
  readonly came: boolean;
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
   * never will be published, with `OutcomeUnknown` when that is not known.
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
  /** The joiner, who must not hear of itself. */
  readonly socketId: string;
}

export interface Leaving {
  /** Sockets that this node still has on the channel. */
  readonly subscriptions: number;
  /** Given when the node's last socket of that user left the channel. */
  readonly member?: Member | undefined;
}

/**
 * Who is where, in the whole cluster. A node tells it edges, not sockets: its first and last socket on a channel,
 * the first and last socket of a user on a presence channel.
 * The step that decides that a user came or went also publishes `member_added` or `member_removed` on the channel.
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

/** What this node holds of an app's quota. */
export interface ConnectionQuota {
  /** Counts the connection against `limit` (0 = none), cluster-wide; false when the app is full. */
  admit(app: string, limit: number): Promise<boolean>;
  dismiss(app: string): void;
  connections(app: string): Promise<number>;
}

export type Terminate = (app: string, user: string) => void;

/** What is asked of every node, this one included. */
export interface Control {
  /** Called once, before any `terminate`. */
  onTerminate(terminate: Terminate): void;
  /** Resolves when the order is given; rejects as `publish` does. */
  terminate(app: string, user: string): Promise<void>;
}

/** A few small things that all nodes share and that outlive them, as JSON values. */
export interface SharedState {
  /** `undefined`: it was never written, or cannot be understood. Rejects with `Unavailable`. */
  read(name: string): Promise<unknown>;
  /** Resolves when the next start will find it. Rejects with `Unavailable`. */
  write(name: string, value: object): Promise<void>;
}

/** Signatures of requests that were taken, on all nodes: each is taken once. */
export interface Replays {
  /** Signatures that had to be forgotten before their time. */
  readonly forgotten: number;
  /**
   * True once for each signature of an app, whichever node asks, until it expires; 0: it never does. Rejects with
   * `Unavailable` when it cannot be known.
   */
  take(app: string, signature: string, ttlMs: number): Promise<boolean>;
}

/** Something shared is out of reach for now: publishers are told to come back. */
export class Unavailable extends Error {
  override readonly name = 'Unavailable';
}

/** The sockets of a channel do not read as fast as is published: nothing that this server could do better. */
export class Behind extends Unavailable {}

/** Something may have been done, wholly or in part; that cannot be known. Nothing does it later. */
export class OutcomeUnknown extends Error {
  override readonly name = 'OutcomeUnknown';
}

/** What to go on with when something shared is out of reach; every other failure stays one. */
export async function whenAway<T, F>(asked: Promise<T>, otherwise: () => F): Promise<T | F> {
  try {
    return await asked;
  } catch (error) {
    if (error instanceof Unavailable) return otherwise();
    throw error;
  }
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
  /** What of it may be watched. */
  readonly metrics: readonly Metric[];
  /** False while what is shared is out of reach. */
  isReady(): boolean;
  /** What an operator should know though it serves; short sentences, of no app. */
  warnings(): readonly string[];
  close(): Promise<void>;
}

// --- around the core ---------------------------------------------------------------------------

/** Finds applications. Absence is `undefined`; a rejection means that the provider is out of reach. */
export interface AppProvider {
  byKey(key: string): Promise<App | undefined>;
  byId(id: string): Promise<App | undefined>;
}

/** What an operator may want to read. Titles are Reverb's own, so that logs can be compared. */
export type JournalTitle =
  | 'Connection Established'
  | 'Connection Refused'
  | 'Message Received'
  | 'Message Handled'
  | 'Control Frame Received'
  | 'Broadcasting To'
  | 'Connection Pinged'
  | 'Connection Pruned'
  | 'Connection Closed'
  | 'Redis connection established'
  | 'Disconnected from Redis';

export interface Journal {
  /** False when `debug` would be thrown away: callers skip the work of building its words. */
  readonly debugging: boolean;
  debug(title: JournalTitle, subject: string, message?: string): void;
  warn(what: string, details?: Readonly<Record<string, string | number>>): void;
  /** A defect: something that should not have been possible. */
  defect(what: string, error: unknown): void;
}

/** One figure for machines that watch: Prometheus' words, and its values when somebody asks. */
export interface Metric {
  readonly name: string;
  readonly help: string;
  readonly kind: 'gauge' | 'counter';
  readonly labels: readonly string[];
  /** The values of the labels, in their order, and the figure. */
  values(): Iterable<readonly [labels: readonly string[], value: number]>;
}

/** Milliseconds; a port so that tests can let time pass. */
export type Clock = () => number;
