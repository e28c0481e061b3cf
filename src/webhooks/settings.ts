/** Settings of the delivery to all endpoints. */
export interface WebhookSettings {
  /** From the start of an attempt to the last byte of its answer. */
  readonly timeoutMs: number;
  /** Age of an event at which a failure is the last one: it goes to the dead letters. */
  readonly giveUpAfterMs: number;
  /** Attempts after which an event goes to the dead letters; 0: only its age counts. */
  readonly maxAttempts: number;
  readonly firstRetryMs: number;
  readonly mostRetryMs: number;
  /** `undefined`: one event in each request. */
  readonly batching: BatchBounds | undefined;
  /** Networks that are not public but may be connected to, such as `10.0.0.0/8`. */
  readonly allowedNetworks: readonly string[];
  /** Time for which nothing is sent to an endpoint that fails, before each probe. */
  readonly probeEveryMs: number;
  /** Attempts in 30 s from which an endpoint is left alone, when more than half of them failed. */
  readonly attemptsToOpen: number;
  /** Requests to one endpoint that are in flight at once. */
  readonly maxInFlight: number;
  /** Entries of one endpoint that are taken from the outbox and not done. */
  readonly maxTaken: number;
  /** Pause between two looks into the outbox when it reports nothing; entries of a node that ended are found so. */
  readonly pollMs: number;
  /** Time that `close` waits for requests in flight. */
  readonly closeWithinMs: number;
}

export interface BatchBounds {
  readonly maxEvents: number;
  readonly maxDelayMs: number;
  /** Bytes of the events in one body; a single larger event is sent alone. */
  readonly maxBytes: number;
}

export const DEFAULT_WEBHOOK_SETTINGS: WebhookSettings = {
  timeoutMs: 4000,
  giveUpAfterMs: 300_000,
  maxAttempts: 0,
  firstRetryMs: 1000,
  mostRetryMs: 300_000,
  batching: undefined,
  allowedNetworks: [],
  probeEveryMs: 10_000,
  attemptsToOpen: 5,
  maxInFlight: 16,
  maxTaken: 1000,
  pollMs: 5000,
  closeWithinMs: 5000,
};
