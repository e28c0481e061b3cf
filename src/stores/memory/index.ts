import type { Stores } from '../../core/ports/stores.ts';
import { replayMetrics } from '../../core/replays.ts';
import { MemoryBroker } from './broker.ts';
import { MemoryControl } from './control.ts';
import { MemoryCachedEvents } from './cached-events.ts';
import { MemoryConnectionQuota } from './connection-quota.ts';
import { MemoryMembership } from './membership.ts';
import { MemoryReplays } from './replays.ts';
import { FileState } from './state.ts';

/** Opens in-memory stores, for a single node. With `stateFile`, the shared state survives restarts; nothing else does. */
export function openMemoryStores(stateFile?: string, signatures?: number): Stores {
  const replays = new MemoryReplays({ signatures });
  const cachedEvents = new MemoryCachedEvents();
  const broker = new MemoryBroker(cachedEvents);
  return {
    broker,
    cachedEvents,
    membership: new MemoryMembership(broker),
    quota: new MemoryConnectionQuota(),
    control: new MemoryControl(),
    state: new FileState(stateFile),
    replays,
    metrics: replayMetrics(replays),
    isReady: () => true,
    warnings: () => [],
    close: () => Promise.resolve(),
  };
}
