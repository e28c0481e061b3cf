/** Where health ends, and how long it may; 0 (for shares and milliseconds) switches one off (SPEC 11.14). */
export interface BreachLimits {
  /** How far back the health of a side is judged. */
  readonly windowMs: number;
  /** Fewest events in the window that a share is judged by. */
  readonly samples: number;
  /** Shares from 0 to 1: what lies above is a breach. */
  readonly connectShare: number;
  readonly subscribeShare: number;
  readonly apiShare: number;
  readonly lostShare: number;
  /** Slowest hundredth of the canary events. */
  readonly latencyMs: number;
  /** Slowest hundredth of the turns of this process' event loop. */
  readonly loopMs: number;
}

/** Everything about health and rollback that an operator may set. */
export interface WatchLimits extends BreachLimits {
  /** How long a breach lasts before the percentage goes back; 0: it never goes by itself (SPEC 11.15). */
  readonly breachMs: number;
  /** How long a percentage holds without a breach before it counts as good. */
  readonly goodMs: number;
  /** Time between two canary events; 0: no canary. */
  readonly canaryEveryMs: number;
  readonly canaryTimeoutMs: number;
}
