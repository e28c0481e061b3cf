import { MinuteLog } from '../../core/minute-log.ts';
import type { Journal, Stores } from '../../core/ports.ts';
import { replayFigures } from '../../core/replays.ts';
import { RedisBroker } from './broker.ts';
import { Answering } from './answering.ts';
import { RedisControl } from './control.ts';
import { DeadlineScripts } from './deadline-scripts.ts';
import { type RedisCounters, redisFigures } from './figures.ts';
import { EvictionRepair } from './eviction-repair.ts';
import { Garbage } from './garbage.ts';
import { RedisHistory } from './history.ts';
import { Keys } from './keys.ts';
import { RedisLease } from './lease.ts';
import { Attendant } from './attendant.ts';
import { firstScopes, Installation } from './installation.ts';
import { openLinks } from './links.ts';
import { Listener } from './listener.ts';
import { RedisMembership } from './membership.ts';
import { ClusterNode } from './node.ts';
import type { RedisOptions } from './options.ts';
import { Publisher } from './publisher.ts';
import { RedisReplays } from './replays.ts';
import { KEY_DAMAGED, KEY_MENDED } from './scripts.ts';
import { RedisState } from './state.ts';

const QUIET_MS = 5000;

export { type RedisOptions } from './options.ts';

export interface RedisStores extends Stores {
  counters(): RedisCounters;
}

/** Several nodes over one Redis. Rejects when Redis cannot be reached or used at the start. */
export async function openRedisStores(options: RedisOptions, journal: Journal): Promise<RedisStores> {
  const { attendant, answering, deadlines, listener, dropped, garbage, repair, ...ports } = assemble(
    options,
    journal,
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
    figures: [...redisFigures(isReady, counters), ...replayFigures(ports.replays)],
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
function assemble(options: RedisOptions, journal: Journal) {
  const { keyPrefix, partitions, database, apps = [], leaseMs } = options;
  const keys = new Keys(keyPrefix, partitions, database, firstScopes(apps));
  const links = openLinks(options, keys, journal);
  const garbage = new Garbage(journal);
  const dropped = new MinuteLog({
    journal,
    what: 'Histories were dropped before their time: an app has more than WAVEHALL_HISTORY_MAX_BYTES',
  });
  const shared = { links, keys, journal };
  const installation = new Installation({ ...shared, apps });
  const node = new ClusterNode({ ...shared, options: { leaseMs, quietMs: QUIET_MS }, installation });
  const membership = new RedisMembership({ links, keys, node });
  const lease = new RedisLease({ links, keys, node });
  const deadlines = new DeadlineScripts({ links, keys, node, timeoutMs: options.commandTimeoutMs });
  const control = new RedisControl({
    ...{ links, keys, deadlines, garbage },
    onForeign: (app) => installation.mentionOther(app),
  });
  const listener = new Listener({
    ...{ ...shared, garbage, members: membership },
    historyTtlMs: options.historyTtlMs,
  });
  node.onRename(() => listener.rename());
  const publisher = new Publisher({ deadlines, links, keys, dropped });
  const broker = new RedisBroker({ listener, publisher, membership });
  const state = new RedisState(links, keys);
  const replays = new RedisReplays(links, keys, options.replaySignatures);
  const repair = new EvictionRepair({
    ...{ ...shared, node, membership, lease },
    apps: apps.map(({ id }) => id),
    pauseMs: leaseMs,
    settleMs: 2 * QUIET_MS + 4 * leaseMs,
  });
  links.commands.on(KEY_MENDED, (key: string) => {
    garbage.addKey(key);
    repair.want(keys.partitionOfMembers(key));
  });
  links.commands.on(KEY_DAMAGED, () => repair.suspect());
  const attendant = new Attendant({ ...shared, options, node, listener, lease, control, repair });
  return {
    broker,
    history: new RedisHistory(links, keys),
    membership,
    lease,
    control,
    state,
    replays,
    attendant,
    answering: new Answering(links, journal),
    deadlines,
    listener,
    dropped,
    garbage,
    repair,
  };
}
