import type { ClusterLoad } from './nodes/cluster-load.ts';
import type { Broker, CachedEvents, History } from './events.ts';
import type { IdempotencyKeys } from './nodes/idempotency.ts';
import type { Handover } from './nodes/handover.ts';
import type { LossMeter } from './nodes/loss-meter.ts';
import type { Membership } from './membership.ts';
import type { Metric } from './metric.ts';
import type { RequestRate } from './nodes/request-rate.ts';
import type { SessionNodes } from './nodes/session-nodes.ts';
import type { StatusSection } from './status.ts';
import type { TabStore } from './tab-store.ts';
import type { Outbox } from './webhooks.ts';

/** Counts the connections of an app in the whole cluster against its limit. */
export interface ConnectionQuota {
  /** Counts the connection against `limit` (0 = none), cluster-wide; false when the app is full. */
  admit(app: string, limit: number): Promise<boolean>;
  dismiss(app: string): void;
  connections(app: string): Promise<number>;
}

export type Terminate = (app: string, user: string) => void;

/** Commands for every node, this one included. */
export interface NodeCommands {
  /** Called once, before any `terminate`. */
  onTerminate(terminate: Terminate): void;
  /** Resolves when the command is sent; rejects as `publish` does. */
  terminate(app: string, user: string): Promise<void>;
}

/** Small JSON values that all nodes share and that outlive them, such as the percentage of a cutover. */
export interface SharedState {
  /** `undefined`: it was never written, or cannot be understood. Rejects with `Unavailable`. */
  read(name: string): Promise<unknown>;
  /** Resolves when the next start will find it. Rejects with `Unavailable`. */
  write(name: string, value: object): Promise<void>;
}

/** Signatures of requests that were accepted, on all nodes: each is accepted once. */
export interface ReplayGuard {
  /** Signatures that were forgotten before they expired. */
  readonly forgotten: number;
  /**
   * True once for each signature of an app, whichever node asks, until it expires; 0: it never does. Rejects with
   * `Unavailable` when it cannot be known.
   */
  take(app: string, signature: string, ttlMs: number): Promise<boolean>;
}

/** Whom a decision of the auth gateway belongs to, and by what it is forgotten (SPEC 14.6). */
export interface DecisionTags {
  /** Digests of the credentials that asked; at least one. The first is the one whose decisions are kept together. */
  readonly owners: readonly string[];
  readonly channel: string;
  readonly app: string;
  /** `undefined`: the app did not name the user. One that it named for the same first owner counts as well. */
  readonly user: string | undefined;
}

export interface NewDecision extends DecisionTags {
  readonly key: string;
  readonly text: string;
  /** Time of the store at which the app was asked, as `find` gave it. */
  readonly askedAtMs: number;
  readonly keepMs: number;
}

export interface FoundDecision {
  /** The time of the store. */
  readonly nowMs: number;
  /** `undefined`: none is kept, or it was forgotten. */
  readonly kept: { readonly text: string; readonly ageMs: number } | undefined;
}

export type Forgotten =
  | { readonly what: 'all' }
  | { readonly what: 'owner'; readonly digest: string }
  | { readonly what: 'channel'; readonly channel: string }
  | { readonly what: 'user'; readonly app: string; readonly user: string };

/** Decisions that the auth gateway remembers for a short time, on all nodes (SPEC 14.4). Rejects with `Unavailable`. */
export interface DecisionStore {
  find(key: string, owners: DecisionTags['owners']): Promise<FoundDecision>;
  keep(decision: NewDecision): Promise<void>;
  /** Resolves when no node finds such a decision any more, nor one that the app was asked for before. */
  forget(what: Forgotten): Promise<void>;
}

/** All stores of one kind, memory or Redis. They are opened and closed together. */
export interface Stores {
  readonly broker: Broker;
  readonly cachedEvents: CachedEvents;
  readonly history: History;
  readonly tabStore: TabStore;
  readonly membership: Membership;
  readonly quota: ConnectionQuota;
  readonly nodeCommands: NodeCommands;
  readonly sessionNodes: SessionNodes;
  readonly state: SharedState;
  readonly replayGuard: ReplayGuard;
  readonly decisions: DecisionStore;
  readonly requestRate: RequestRate;
  readonly idempotencyKeys: IdempotencyKeys;
  /** `undefined`: this node is the only one. */
  readonly lossMeter?: LossMeter;
  /** `undefined`: this node is the only one. */
  readonly clusterLoad?: ClusterLoad;
  /** `undefined`: the state is in no process. */
  readonly handover?: Handover;
  /** `undefined`: no app has webhooks. */
  readonly outbox?: Outbox;
  /** Metrics of the stores. */
  readonly metrics: readonly Metric[];
  /** Parts of the status of this node. */
  readonly status: readonly StatusSection[];
  /** False while the shared store cannot be reached. */
  isReady(): boolean;
  /**
   * Milliseconds of a round trip to the shared store; `undefined`: there is none. Rejects with `Unavailable` when it does not
   * answer within a second.
   */
  ping(): Promise<number | undefined>;
  /** Problems that an operator should know although the node serves; short sentences, without app data. */
  warnings(): readonly string[];
  close(): Promise<void>;
}
