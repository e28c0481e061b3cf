/** The workers of one machine that serve one port, as one of them sees them. */
export interface WorkerGroup {
  /** How many workers are configured. */
  readonly count: number;
  /** Resolves when every worker is ready to listen. */
  waitUntilAllPrepared(): Promise<void>;
  /** Registers this worker's answer to a request that `requestAll` sends to all workers. */
  onRequest(name: string, handler: () => unknown): void;
  /** The answers of the workers that run and answer in time, this one's included. */
  requestAll(name: string): Promise<readonly unknown[]>;
}
