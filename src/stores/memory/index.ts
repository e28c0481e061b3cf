import type { DecisionLimits } from '../../core/decisions.ts';
import type { Stores } from '../../core/ports/stores.ts';
import type { WebhookWishes } from '../../core/ports/webhook-wishes.ts';
import {
  DEFAULT_IDEMPOTENCY_LIMITS,
  idempotencyMetrics,
  type IdempotencyLimits,
} from '../../core/requests/idempotency.ts';
import { replayMetrics } from '../../core/requests/replay-guard.ts';
import { MemoryBroker } from './broker.ts';
import { MemoryNodeCommands } from './node-commands.ts';
import { MemoryCachedEvents } from './cached-events.ts';
import { MemoryDecisions } from './decisions.ts';
import { MemoryConnectionQuota } from './connection-quota.ts';
import { MemoryHistory } from './history.ts';
import { MemoryMembership } from './membership.ts';
import { MemoryIdempotencyKeys } from './requests/idempotency-keys.ts';
import { PublishedMarks } from './requests/published-marks.ts';
import { MemoryRequestRate } from './requests/request-rate.ts';
import { MemoryReplayGuard } from './requests/replay-guard.ts';
import { MemoryTabStore } from './tab-store.ts';
import { MemoryNodeQuestions } from './node-questions.ts';
import { MemorySessionNodes } from './session-nodes.ts';
import { MemoryOutbox } from './outbox/outbox.ts';
import { FileState } from './state.ts';

/** The in-memory stores of a single node, each as its own class. */
export interface MemoryStores extends Stores {
  readonly broker: MemoryBroker;
  readonly cachedEvents: MemoryCachedEvents;
  readonly history: MemoryHistory;
  readonly tabStore: MemoryTabStore;
  readonly membership: MemoryMembership;
  readonly quota: MemoryConnectionQuota;
  readonly nodeCommands: MemoryNodeCommands;
  readonly sessionNodes: MemorySessionNodes;
  readonly state: FileState;
  readonly replayGuard: MemoryReplayGuard;
  readonly decisions: MemoryDecisions;
  readonly requestRate: MemoryRequestRate;
  readonly idempotencyKeys: MemoryIdempotencyKeys;
  readonly publishedMarks: PublishedMarks;
  readonly outbox?: MemoryOutbox;
}

/** Opens in-memory stores, for a single node. With `stateFile`, the shared state survives restarts; nothing else does. */
export function openMemoryStores(
  stateFile?: string,
  signatures?: number,
  webhooks?: WebhookWishes,
  {
    idempotency = DEFAULT_IDEMPOTENCY_LIMITS,
    decisionLimits,
  }: {
    readonly idempotency?: IdempotencyLimits | undefined;
    readonly decisionLimits?: DecisionLimits | undefined;
  } = {},
): MemoryStores {
  const replayGuard = new MemoryReplayGuard({ signatures });
  const cachedEvents = new MemoryCachedEvents();
  const history = new MemoryHistory();
  const idempotencyKeys = new MemoryIdempotencyKeys(idempotency);
  const publishedMarks = new PublishedMarks(idempotency.keys);
  const broker = new MemoryBroker(cachedEvents, history, publishedMarks);
  const outbox = webhooks && new MemoryOutbox(webhooks);
  return {
    ...(outbox === undefined ? {} : { outbox }),
    broker,
    cachedEvents,
    history,
    tabStore: new MemoryTabStore(),
    membership: new MemoryMembership(broker, outbox?.transitions),
    quota: new MemoryConnectionQuota(),
    nodeCommands: new MemoryNodeCommands(),
    sessionNodes: new MemorySessionNodes(),
    nodeQuestions: new MemoryNodeQuestions(),
    state: new FileState(stateFile),
    replayGuard,
    decisions: new MemoryDecisions(decisionLimits),
    requestRate: new MemoryRequestRate(),
    idempotencyKeys,
    publishedMarks,
    metrics: [...replayMetrics(replayGuard), ...idempotencyMetrics(idempotencyKeys)],
    status: [],
    isReady: () => true,
    ping: () => Promise.resolve(undefined),
    warnings: () => [],
    close() {
      outbox?.stop();
      return Promise.resolve();
    },
  };
}
