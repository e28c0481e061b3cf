import type { Examination } from '../../admin/routes/examination.ts';
import type { Peer } from './peer.ts';
import type { RestartAnswer, WorkerGroup } from '../worker-group.ts';

/** Settings of this server that flags may have set. */
export interface ListenSettings {
  readonly host: string;
  readonly port: number;
  readonly path: string;
}

/** The processes around this one, as the server sees them. */
export interface Processes {
  /** `undefined`: this process serves alone. */
  readonly workers?: WorkerGroup | undefined;
  /** Begins to replace this process, and all workers; `by`: who asked for it. */
  restart(by: string): Promise<RestartAnswer>;
  restartState(): Promise<RestartAnswer>;
  /** Runs a command of this program in a process of its own, for a server with these settings. Resolves with its JSON, rejects with `Unavailable`. */
  runCommand(command: Examination, settings: ListenSettings): Promise<object>;
  /** Resolves when this process may listen, with the process whose ports and state it takes; `undefined`: it replaces none. */
  waitUntilMayListen(): Promise<Peer | undefined>;
}
