import { MinuteLog } from '../../core/util/minute-log.ts';
import type { Stores } from '../../core/ports/cluster.ts';
import type { Logger } from '../../core/ports/logger.ts';
import { replayMetrics } from '../../core/replays.ts';
import { RedisBroker } from './broker.ts';
import { Responsiveness } from './health/unanswered.ts';
import { RedisControl } from './node/control.ts';
import { DeadlineScripts } from './deadline/deadline-scripts.ts';
import { type RedisCounters, redisMetrics } from './metrics.ts';
import { EvictionRepair } from './health/eviction-repair.ts';
import { InvalidData } from './health/invalid-data.ts';
import { RedisHistory } from './events/cached-events.ts';
import { Keys } from './keys.ts';
import { RedisConnectionQuota } from './node/connection-quota.ts';
import { Supervisor } from './node/supervisor.ts';
import { firstScopes, Installation } from './node/installation.ts';
import { openLinks } from './link/links.ts';
import { Receiver } from './events/receiver.ts';
import { RedisMembership } from './membership/membership.ts';
import { ClusterNode } from './node/node.ts';
import type { RedisOptions } from './options.ts';
import { Publisher } from './events/publisher.ts';
import { RedisReplays } from './replays.ts';
import { KEY_DAMAGED, KEY_MENDED } from './link/scripts.ts';
import { RedisState } from './state.ts';

const QUIET_MS = 5000;

export { type RedisOptions } from './options.ts';

export interface RedisStores extends Stores {
  counters(): RedisCounters;
}

/** Several nodes over one Redis. Rejects when Redis cannot be reached or used at the start. */
export async function openRedisStores(options: RedisOptions, logger: Logger): Promise<RedisStores> {
  const { attendant, answering, deadlines, listener, dropped, garbage, repair, ...ports } = assemble(
    options,
    logger,
  );
  await attendant.start();
  answering.start();
  const isReady = (): boolean => attendant.isReady && answering.isAnswering;
  const counters = (): RedisCounters => ({
    lostEvents: listener.lostEvents,
    unreadHistories: listener.unreadHistories,
    droppedHistories: dropped.total,
    garbage: garbage.count,
    evictedKeys: repair.evictedKeys,
    repairedChannels: repair.repairedChannels,
    unknownOutcomes: deadlines.unknownOutcomes,
  });
  const beat = setInterval(() => attendant.beat(), options.leaseMs / 4);
  return {
    ...ports,
    metrics: [...redisMetrics(isReady, counters), ...replayMetrics(ports.replays)],
    isReady,
    warnings: () => (repair.isEvicting ? ['Redis evicts keys: it needs more memory'] : []),
    counters,
    async close() {
      clearInterval(beat);
      answering.stop();
      await attendant.stop();
    },
  };
}

/** Everything that one node needs, connected to nothing yet. */
function assemble(options: RedisOptions, logger: Logger) {
  const { keyPrefix, partitions, database, apps = [], leaseMs } = options;
  const keys = new Keys(keyPrefix, partitions, database, firstScopes(apps));
  const links = openLinks(options, keys, logger);
  const garbage = new InvalidData(logger);
  const dropped = new MinuteLog({
    logger,
    what: 'Histories were dropped before their time: an app has more than WAVEHALL_HISTORY_MAX_BYTES',
  });
  const shared = { links, keys, logger };
  const installation = new Installation({ ...shared, apps });
  const node = new ClusterNode({ ...shared, options: { leaseMs, quietMs: QUIET_MS }, installation });
  const membership = new RedisMembership({ links, keys, node });
  const quota = new RedisConnectionQuota({ links, keys, node });
  const deadlines = new DeadlineScripts({ links, keys, node, timeoutMs: options.commandTimeoutMs });
  const control = new RedisControl({
    ...{ links, keys, deadlines, garbage },
    onForeign: (app) => installation.mentionOther(app),
  });
  const listener = new Receiver({
    ...{ ...shared, garbage, members: membership },
    historyTtlMs: options.historyTtlMs,
  });
  node.onRename(() => listener.rename());
  const publisher = new Publisher({ deadlines, links, keys, dropped });
  const broker = new RedisBroker({ listener, publisher, membership });
  const state = new RedisState(links, keys);
  const replays = new RedisReplays(links, keys, options.replaySignatures);
  const repair = new EvictionRepair({
    ...{ ...shared, node, membership, quota },
    apps: apps.map(({ id }) => id),
    pauseMs: leaseMs,
    settleMs: 2 * QUIET_MS + 4 * leaseMs,
  });
  links.commands.on(KEY_MENDED, (key: string) => {
    garbage.addKey(key);
    repair.want(keys.partitionOfMembers(key));
  });
  links.commands.on(KEY_DAMAGED, () => repair.suspect());
  const attendant = new Supervisor({ ...shared, options, node, listener, quota, control, repair });
  return {
    broker,
    history: new RedisHistory(links, keys),
    membership,
    quota,
    control,
    state,
    replays,
    attendant,
    answering: new Responsiveness(links, logger),
    deadlines,
    listener,
    dropped,
    garbage,
    repair,
  };
}
