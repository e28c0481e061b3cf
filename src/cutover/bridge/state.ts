/** Why something was not carried across; every one of them is counted (SPEC 11.7). */
export type DropReason =
  | 'queue full'
  | 'too old'
  | 'refused'
  | 'not bridged'
  | 'too large'
  | 'too many connections'
  | 'too many members'
  | 'too many echoes'
  | 'stopped';

/** What the bridge of one app tells of itself (SPEC 11.13). */
export interface BridgeState {
  readonly app: string;
  readonly connected: boolean;
  readonly channels: number;
  readonly members: number;
  readonly connections: number;
  readonly queue: { readonly events: number; readonly bytes: number; readonly oldestMs: number };
  /** Events that the other side took, and that came from it. */
  readonly forwarded: number;
  readonly received: number;
  readonly whispersSent: number;
  readonly whispersReceived: number;
  readonly echoesDropped: number;
  readonly echoesExpected: number;
  /** Requests that had to be made again. */
  readonly retries: number;
  readonly forwardErrors: number;
  readonly subscribeErrors: number;
  readonly dropped: Readonly<Partial<Record<DropReason, number>>>;
  /** Times in which events of the other side could be missed, and their length. */
  readonly gaps: { readonly count: number; readonly totalMs: number; readonly lastMs: number };
  /** Hand-overs that had to guess. */
  readonly unsureHandOvers: number;
  readonly lagMs: number;
  readonly lastError: string | undefined;
}

export interface Bridge {
  start(): void;
  stop(): Promise<void>;
  state(): readonly BridgeState[];
  isConnected(app: string): boolean;
}

/** The figures of one app, as they are counted. */
export class Figures {
  forwarded = 0;
  received = 0;
  whispersSent = 0;
  whispersReceived = 0;
  echoesDropped = 0;
  retries = 0;
  forwardErrors = 0;
  subscribeErrors = 0;
  unsureHandOvers = 0;
  lagMs = 0;
  lastError: string | undefined;
  readonly dropped: Partial<Record<DropReason, number>> = {};
  readonly gaps = { count: 0, totalMs: 0, lastMs: 0 };

  drop(reason: DropReason, count = 1): void {
    this.dropped[reason] = (this.dropped[reason] ?? 0) + count;
  }

  gap(ms: number): void {
    this.gaps.count += 1;
    this.gaps.totalMs += ms;
    this.gaps.lastMs = ms;
  }
}
