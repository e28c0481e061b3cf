/** The workers of one machine that serve one port, as one of them sees them. */
export interface WorkerGroup {
  /** How many workers are configured. */
  readonly count: number;
  /** Workers of the group that ended unexpectedly and were started again, as far as this one knows: before its own start. */
  readonly restarts: number;
  /** Registers this worker's answer to a request that `requestAll` sends to all workers. */
  onRequest(name: string, handler: (argument: unknown) => unknown): void;
  /** The answers of the workers that run and answer in time, this one's included. `argument`: JSON for their handlers. */
  requestAll(name: string, argument?: object): Promise<readonly unknown[]>;
}

/** A restart of the processes, as `GET /admin/restart` answers it (SPEC 11.5). */
export interface RestartState {
  readonly phase: 'never' | 'running' | 'done' | 'failed';
  readonly replaced: number;
  readonly workers: number;
  /** Name of the one who asked for it. */
  readonly by: string;
  /** Unix time in milliseconds; 0: it has not begun, or not ended. */
  readonly startedAtMs: number;
  readonly endedAtMs: number;
  /** Why it ended before all workers were replaced. */
  readonly problem?: string;
}

export interface RestartAnswer {
  /** False when a restart is running already, or was not asked for. */
  readonly isBegun: boolean;
  readonly state: RestartState;
}
