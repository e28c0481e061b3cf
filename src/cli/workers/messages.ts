import type { PeerMessage } from '../../server/handover/peer.ts';

/**
 * Messages of the primary to a worker. `retire`: another worker serves in its place already. `listen`: `takesOver` when it
 * replaces a worker whose ports and state it takes.
 */
export type Order =
  | { readonly order: 'listen'; readonly takesOver?: boolean }
  | { readonly order: 'stop' | 'retire' | 'finish-now' | 'reload' | 'peer-ended' }
  | { readonly order: 'answer'; readonly question: string; readonly argument?: object; readonly id: number }
  | { readonly order: 'answers'; readonly id: number; readonly answers: readonly unknown[] }
  | { readonly order: 'peer'; readonly message: PeerMessage };

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

/** Messages of a worker to the primary. `peer`: for the worker that it replaces, or that replaces it. */
export type Report =
  | { readonly report: 'prepared' }
  | { readonly report: 'opened'; readonly at: Opened }
  | { readonly report: 'failed'; readonly problems: readonly string[] }
  | { readonly report: 'ask'; readonly question: string; readonly argument?: object; readonly id: number }
  | { readonly report: 'act'; readonly action: Action; readonly id: number }
  | { readonly report: 'answer'; readonly id: number; readonly answer: unknown }
  | { readonly report: 'peer'; readonly message: PeerMessage };
