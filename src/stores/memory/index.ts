import type { Stores } from '../../core/ports.ts';
import { MemoryBroker } from './broker.ts';
import { MemoryControl } from './control.ts';
import { MemoryHistory } from './history.ts';
import { MemoryLease } from './lease.ts';
import { MemoryMembership } from './membership.ts';

/** One node, nothing outside the process. */
export function openMemoryStores(): Stores {
  const history = new MemoryHistory();
  const broker = new MemoryBroker(history);
  return {
    broker,
    history,
    membership: new MemoryMembership(broker),
    lease: new MemoryLease(),
    control: new MemoryControl(),
    isReady: () => true,
    close: () => Promise.resolve(),
  };
}
