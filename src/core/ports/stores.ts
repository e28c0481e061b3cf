import type { App } from '../app.ts';
import type { ClusterLoad } from './nodes/cluster-load.ts';
import type { DecisionStore } from './decisions.ts';
import type { Broker, CachedEvents, History } from './events.ts';
import type { IdempotencyKeys } from './nodes/idempotency.ts';
import type { Handover } from './nodes/handover.ts';
import type { NodeQuestions } from './nodes/node-questions.ts';
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
  readonly nodeQuestions: NodeQuestions;
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
  /** Called with all apps before new ones among them are served. Never rejects. `undefined`: there is nothing to do. */
  readonly prepareApps?: (apps: readonly App[]) => Promise<void>;
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
