interface BridgeCounterRow {
  readonly metric: string;
  readonly help: string;
  /** The count is a time in milliseconds; the metric is in seconds. */
  readonly isMs?: true;
}

const rows = {
  forwarded: { metric: 'bridge_forwarded_total', help: 'Events published here that the upstream accepted.' },
  received: { metric: 'bridge_received_total', help: 'Events of the upstream that were delivered here.' },
  clientEventsSent: {
    metric: 'bridge_client_events_sent_total',
    help: 'Client events that were sent to the upstream.',
  },
  clientEventsReceived: {
    metric: 'bridge_client_events_received_total',
    help: 'Client events of the upstream that were delivered here.',
  },
  echoesDropped: {
    metric: 'bridge_echoes_total',
    help: 'Own events that came back from the upstream and were not delivered a second time.',
  },
  gaps: {
    metric: 'bridge_gaps_total',
    help: 'Periods in which a channel in use here was not subscribed at the upstream.',
  },
  gapMs: {
    metric: 'bridge_gap_seconds_total',
    help: 'Seconds in total in which a channel in use here was not subscribed at the upstream: clients here missed what was published there.',
    isMs: true,
  },
} satisfies Record<string, BridgeCounterRow>;

export type BridgeCounterName = keyof typeof rows;
export type BridgeCounts = Record<BridgeCounterName, number>;

/**
 * Everything that the bridge counts per app since its start (SPEC 11.13). One row above makes a counter: its field of the
 * status, its metric, and its sum over all workers. A column of `wavehall cutover` is a row of `BRIDGE_COLUMNS`.
 */
export const BRIDGE_COUNTERS: Readonly<Record<BridgeCounterName, BridgeCounterRow>> = rows;

export const BRIDGE_COUNTER_NAMES = Object.keys(rows) as readonly BridgeCounterName[];

/** An object with each counter by its name. */
export const bridgeCounts = (valueOf: (name: BridgeCounterName) => number): BridgeCounts =>
  Object.fromEntries(BRIDGE_COUNTER_NAMES.map((name) => [name, valueOf(name)])) as BridgeCounts;
