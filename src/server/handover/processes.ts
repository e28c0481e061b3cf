import type { Peer } from './peer.ts';
import type { RestartAnswer, WorkerGroup } from '../worker-group.ts';

/** The processes around this one, as the server sees them. */
export interface Processes {
  /** `undefined`: this process serves alone. */
  readonly workers?: WorkerGroup | undefined;
  /** Begins to replace this process, and all workers; `by`: who asked for it. */
  restart(by: string): Promise<RestartAnswer>;
  restartState(): Promise<RestartAnswer>;
  /** Resolves when this process may listen, with the process whose ports and state it takes; `undefined`: it replaces none. */
  waitUntilMayListen(): Promise<Peer | undefined>;
}
