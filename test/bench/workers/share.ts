/** Commands to one thread, with their parameters. */
export interface Share {
  readonly open: {
    readonly indices: readonly number[];
    readonly channelsOf: readonly (readonly string[])[];
    readonly together: number;
  };
  readonly publish: {
    readonly burst: number;
    readonly batch: number;
    readonly size: number;
    readonly rate: number;
    readonly probe: number;
    readonly seconds: number;
    /** Subscribers of each channel. */
    readonly on: readonly number[];
    readonly prefix: string;
  };
  readonly begin: {
    readonly what: 'post' | 'handshake' | 'churn';
    readonly inflight: number;
    readonly bare: boolean;
    readonly batch: number;
    readonly plain: boolean;
  };
  readonly ping: { readonly count: number };
}

/** Result of publishing for one interval. */
export interface PublishResult {
  readonly events: number;
  readonly expected: number;
  readonly refused: number;
  readonly lost: number;
  readonly probesMs: readonly number[];
}
