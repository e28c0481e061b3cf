import type { Stores } from '../../core/ports/stores.ts';
import { replayMetrics } from '../../core/replay-guard.ts';
import { MemoryBroker } from './broker.ts';
import { MemoryNodeCommands } from './node-commands.ts';
import { MemoryCachedEvents } from './cached-events.ts';
import { MemoryConnectionQuota } from './connection-quota.ts';
import { MemoryMembership } from './membership.ts';
import { MemoryReplayGuard } from './replay-guard.ts';
import { FileState } from './state.ts';

/** Opens in-memory stores, for a single node. With `stateFile`, the shared state survives restarts; nothing else does. */
export function openMemoryStores(stateFile?: string, signatures?: number): Stores {
  const replayGuard = new MemoryReplayGuard({ signatures });
  const cachedEvents = new MemoryCachedEvents();
  const broker = new MemoryBroker(cachedEvents);
  return {
    broker,
    cachedEvents,
    membership: new MemoryMembership(broker),
    quota: new MemoryConnectionQuota(),
    nodeCommands: new MemoryNodeCommands(),
    state: new FileState(stateFile),
    replayGuard,
    metrics: replayMetrics(replayGuard),
    status: [],
    isReady: () => true,
    ping: () => Promise.resolve(undefined),
    warnings: () => [],
    close: () => Promise.resolve(),
  };
}
