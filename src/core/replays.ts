/** Signatures of an app that are remembered where nobody says otherwise. */
export const DEFAULT_SIGNATURES = 100_000;

export interface ReplayOptions {
  /** Signatures of an app that are remembered; beyond, those that expire first are forgotten. */
  readonly signatures?: number | undefined;
  readonly clock?: () => number;
}

/** Signatures of requests that were taken, on all nodes: each is taken once. */
export interface Replays {
  /** Signatures that had to be forgotten before their time. */
  readonly forgotten: number;
  /**
   * True once for each signature of an app, whichever node asks, until it expires; 0: it never does. Rejects with
   * `Unavailable` when it cannot be known.
   */
  take(app: string, signature: string, ttlMs: number): Promise<boolean>;
}
