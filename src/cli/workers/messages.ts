/** Messages of the primary to a worker. `retire`: another worker serves in its place already. */
export type Order =
  | { readonly order: 'listen' | 'stop' | 'retire' | 'finish-now' | 'reload' }
  | { readonly order: 'answer'; readonly question: string; readonly argument?: object; readonly id: number }
  | { readonly order: 'answers'; readonly id: number; readonly answers: readonly unknown[] };

/** Ports of a worker that listens. */
export interface Opened {
  readonly port: number;
  readonly secure: boolean;
  readonly apiPort?: number | undefined;
  readonly metricsPort?: number | undefined;
}

/** Request to the primary itself. */
export interface Action {
  /** Name of the one who asks to replace the workers; `undefined`: only the state is asked for. */
  readonly restartBy?: string;
}

/** Messages of a worker to the primary. */
export type Report =
  | { readonly report: 'prepared' }
  | { readonly report: 'opened'; readonly at: Opened }
  | { readonly report: 'failed'; readonly problems: readonly string[] }
  | { readonly report: 'ask'; readonly question: string; readonly argument?: object; readonly id: number }
  | { readonly report: 'act'; readonly action: Action; readonly id: number }
  | { readonly report: 'answer'; readonly id: number; readonly answer: unknown };
