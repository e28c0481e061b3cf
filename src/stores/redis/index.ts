import { MinuteLog } from '../../core/util/minute-log.ts';
import type { Stores } from '../../core/ports/stores.ts';
import type { Logger } from '../../core/ports/logger.ts';
import { idempotencyMetrics } from '../../core/requests/idempotency.ts';
import { replayMetrics } from '../../core/requests/replay-guard.ts';
import { RedisBroker } from './events/broker.ts';
import { Responsiveness } from './health/unanswered.ts';
import { RedisNodeCommands } from './node/node-commands.ts';
import { DeadlineScripts } from './deadline/deadline-scripts.ts';
import { redisMetrics } from './metrics.ts';
import { EvictionRepair } from './health/eviction-repair.ts';
import { InvalidData } from './health/invalid-data.ts';
import { measureRoundTrip } from './health/round-trip.ts';
import { RedisLossMeter } from './health/loss/loss-meter.ts';
import { RedisClusterLoad } from './health/load/cluster-load.ts';
import { lagMetric, lossMetrics } from './health/loss/loss-metrics.ts';
import { RedisHistory } from './events/history.ts';
import { RedisCachedEvents } from './events/cached-events.ts';
import { Keys } from './keys.ts';
import { RedisConnectionQuota } from './node/connection-quota.ts';
import { Supervisor } from './node/supervisor.ts';
import { RedisNodeQuestions } from './node/questions/node-questions.ts';
import { RedisSessionNodes } from './node/session-nodes.ts';
import { firstScopes, Installation } from './node/installation.ts';
import type { Links } from './link/links.ts';
import { openLinks } from './link/open-links.ts';
import { Receiver } from './events/receiver.ts';
import { RedisMembership } from './membership/membership.ts';
import { ClusterNode } from './node/node.ts';
import type { RedisOptions } from './options.ts';
import { RedisOutbox } from './outbox/outbox.ts';
import { Publisher } from './events/publisher.ts';
import { RedisIdempotencyKeys } from './requests/idempotency-keys.ts';
import { RedisRequestRate } from './requests/request-rate.ts';
import { RedisReplayGuard } from './requests/replay-guard.ts';
import { CHANNEL_DAMAGED, KEY_REPAIRED } from './link/scripts.ts';
import { RedisDecisions } from './state/decisions.ts';
import { RedisState } from './state/shared-state.ts';
import { RedisTabStore } from './state/tab-store.ts';
import { readLeases, redisStatus } from './status.ts';

const SETTLING_MS = 5000;

export { type RedisOptions } from './options.ts';

/** Opens the stores of one node of several that share a Redis. Rejects when Redis cannot be reached or used. */
export async function openRedisStores(options: RedisOptions, logger: Logger): Promise<Stores> {
  const { links, supervisor, responsiveness, counts, repair, nodes, outbox, ...ports } = assemble(
    options,
    logger,
  );
  await supervisor.start();
  await outbox?.start();
  responsiveness.start();
  ports.lossMeter.start();
  await ports.sessionNodes.start();
  const isReady = (): boolean => supervisor.isReady && responsiveness.isAnswering;
  const beat = setInterval(() => supervisor.beat(), options.leaseMs / 4);
  return {
    ...ports,
    ...(outbox === undefined ? {} : { outbox }),
    metrics: [
      ...redisMetrics(isReady, responsiveness, counts),
      ...replayMetrics(ports.replayGuard),
      ...idempotencyMetrics(ports.idempotencyKeys),
      ...lossMetrics(ports.lossMeter),
      lagMetric(ports.lossMeter),
    ],
    status: [
      redisStatus({ options, isReady, counts, nodes }),
      { name: 'loss', read: () => ports.lossMeter.report() },
    ],
    isReady,
    ping: () => measureRoundTrip(links),
    warnings: () => (repair.isEvicting ? ['Redis evicts keys: it needs more memory'] : []),
    async close() {
      clearInterval(beat);
      responsiveness.stop();
      ports.lossMeter.stop();
      ports.sessionNodes.stop();
      await outbox?.stop();
      await supervisor.stop();
    },
  };
}

/** Builds all parts of one node, without connecting to Redis. */
function assemble(options: RedisOptions, logger: Logger) {
  const { keyPrefix, partitions, database, leaseMs, apps: given = [] } = options;
  const apps = options.presentApps ?? (() => given);
  const keys = new Keys(keyPrefix, partitions, database, firstScopes(apps()));
  const links = openLinks(options, keys, logger);
  const shared = { links, keys, logger };
  const invalidData = new InvalidData(logger);
  const installation = new Installation({ ...shared, apps });
  const node = new ClusterNode({ ...shared, options: { leaseMs, settlingMs: SETTLING_MS }, installation });
  const { webhooks: wishes, webhookOwnerMs: ownerMs } = options;
  const outbox = wishes && new RedisOutbox({ links, keys, wishes, ownerMs });
  const membership = new RedisMembership({ links, keys, node, transitions: outbox?.transitions });
  const quota = new RedisConnectionQuota({ links, keys, node });
  const deadlines = new DeadlineScripts({ links, keys, node, timeoutMs: options.commandTimeoutMs });
  const nodeCommands = new RedisNodeCommands({
    ...{ links, keys, deadlines, invalidData },
    onForeign: (app) => installation.warnOfOther(app),
  });
  const receiver = new Receiver({
    ...{ ...shared, invalidData, members: membership },
    historyTtlMs: options.historyTtlMs,
  });
  node.onRename(() => receiver.updateNames());
  const droppedLog = droppedHistoriesLog(logger);
  const mostMarks = options.idempotency?.keys;
  const publisher = new Publisher({ deadlines, links, keys, droppedLog, mostMarks });
  const nodes = { ownId: () => node.id, leases: () => readLeases(links, keys) };
  const repair = new EvictionRepair({
    ...{ ...shared, node, membership, quota },
    apps: () => apps().map(({ id }) => id),
    ...repairTimes(leaseMs),
  });
  repairOnDamage({ links, keys, invalidData, repair });
  return {
    ...{ links, membership, quota, nodeCommands, repair, outbox },
    prepareApps: (present: Parameters<Installation['prepare']>[0]) => installation.prepare(present),
    broker: new RedisBroker({ receiver, publisher, membership }),
    cachedEvents: new RedisCachedEvents(links, keys),
    history: new RedisHistory({ links, keys, node }),
    tabStore: new RedisTabStore(links, keys),
    ...betweenNodes({ links, keys, invalidData, nodes }),
    state: new RedisState(links, keys),
    ...forRequests(options, links, keys),
    supervisor: new Supervisor({ ...shared, options, node, receiver, quota, nodeCommands, repair }),
    responsiveness: new Responsiveness(links, logger),
    nodes,
    counts: () => ({
      catchUps: receiver.missed.catchUps,
      recoveredEvents: receiver.missed.recoveredEvents,
      lostEvents: receiver.missed.lostEvents,
      unreadHistories: receiver.missed.unreadHistories,
      droppedHistories: droppedLog.total,
      invalidData: invalidData.count,
      evictedKeys: repair.evictedKeys,
      repairedChannels: repair.repairedChannels,
      unknownOutcomes: deadlines.unknownOutcomes,
    }),
  };
}

const repairTimes = (leaseMs: number) => ({ pauseMs: leaseMs, settleMs: 2 * SETTLING_MS + 4 * leaseMs });

/** Builds the parts by which nodes send messages to each other. */
const betweenNodes = (deps: ConstructorParameters<typeof RedisNodeQuestions>[0]) => ({
  sessionNodes: new RedisSessionNodes(deps),
  lossMeter: new RedisLossMeter(deps),
  nodeQuestions: new RedisNodeQuestions(deps),
  clusterLoad: new RedisClusterLoad(deps),
});

/** Builds the parts that all nodes share for the requests of publishers, and of clients that ask for signatures. */
const forRequests = (
  { replaySignatures, idempotency, decisionLimits }: RedisOptions,
  links: Links,
  keys: Keys,
) => ({
  decisions: new RedisDecisions(links, keys, decisionLimits),
  replayGuard: new RedisReplayGuard(links, keys, replaySignatures),
  requestRate: new RedisRequestRate(links, keys),
  idempotencyKeys: new RedisIdempotencyKeys(links, keys, idempotency),
});

interface DamageDeps {
  readonly links: Links;
  readonly keys: Keys;
  readonly invalidData: InvalidData;
  readonly repair: EvictionRepair;
}

/** Writes the members of a partition again when one of its keys was repaired, and all of them when a channel is damaged. */
function repairOnDamage({ links, keys, invalidData, repair }: DamageDeps): void {
  links.commands.on(KEY_REPAIRED, (key: string) => {
    invalidData.addKey(key);
    repair.scheduleNow(keys.partitionOfMembers(key));
  });
  links.commands.on(CHANNEL_DAMAGED, () => repair.schedule());
}

const droppedHistoriesLog = (logger: Logger): MinuteLog =>
  new MinuteLog({
    logger,
    message:
      'Histories were dropped early because an app exceeds WAVEHALL_HISTORY_MAX_BYTES: clients and nodes that reconnect may miss events. Raise that setting, or keep less (WAVEHALL_HISTORY_SIZE, WAVEHALL_HISTORY_TTL)',
  });
