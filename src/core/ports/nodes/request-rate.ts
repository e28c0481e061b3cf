/** Requests of an app that are accepted: so many a second, and `burst` at once after a pause. */
export interface Rate {
  readonly perSecond: number;
  readonly burst: number;
}

/** Answer to a request for a token. */
export interface RateAnswer {
  readonly isTaken: boolean;
  /** Tokens that are left, as far as this node knows. */
  readonly remaining: number;
  /** Milliseconds until a token is there; 0 when one was taken. */
  readonly waitMs: number;
}

/** The requests of each app in one token bucket for all nodes (SPEC 8.15). */
export interface RequestRate {
  /** Takes one token. Never rejects: while the shared bucket cannot be reached, each node has its share of the rate. */
  take(app: string, rate: Rate): Promise<RateAnswer>;
}
