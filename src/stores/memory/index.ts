import type { Stores } from '../../core/ports.ts';
import { replayFigures } from '../../core/replays.ts';
import { MemoryBroker } from './broker.ts';
import { MemoryControl } from './control.ts';
import { MemoryHistory } from './history.ts';
import { MemoryLease } from './lease.ts';
import { MemoryMembership } from './membership.ts';
import { MemoryReplays } from './replays.ts';
import { FileState } from './state.ts';

/** One node, nothing outside the process but the file of what is to outlive it; without a file, nothing outlives it. */
export function openMemoryStores(stateFile?: string, signatures?: number): Stores {
  const replays = new MemoryReplays({ signatures });
  const history = new MemoryHistory();
  const broker = new MemoryBroker(history);
  return {
    broker,
    history,
    membership: new MemoryMembership(broker),
    lease: new MemoryLease(),
    control: new MemoryControl(),
    state: new FileState(stateFile),
    replays,
    figures: replayFigures(replays),
    isReady: () => true,
    warnings: () => [],
    close: () => Promise.resolve(),
  };
}
