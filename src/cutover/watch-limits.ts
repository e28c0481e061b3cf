/** Limits beyond which a side is in breach; 0 (for shares and milliseconds) switches one off (SPEC 11.14). */
export interface BreachLimits {
  /** Length of the window that is judged. */
  readonly windowMs: number;
  /** Fewest events in the window that a share is judged by. */
  readonly samples: number;
  /** Shares from 0 to 1; above is a breach. */
  readonly connectShare: number;
  readonly subscribeShare: number;
  readonly apiShare: number;
  readonly lostShare: number;
  /** p99 of the canary events' delay. */
  readonly latencyMs: number;
  /** p99 of this process' event-loop delay. */
  readonly loopMs: number;
}

/** Everything about health and rollback that an operator may set. */
export interface WatchLimits extends BreachLimits {
  /** Duration of a breach before the automatic rollback; 0: there is none (SPEC 11.15). */
  readonly breachMs: number;
  /** How long a percentage holds without a breach before it counts as good. */
  readonly goodMs: number;
  /** Time between two canary events; 0: no canary. */
  readonly canaryEveryMs: number;
  readonly canaryTimeoutMs: number;
}
