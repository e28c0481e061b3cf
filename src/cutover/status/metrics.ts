import { counter, gauge, type MergeRule, type Metric, scalar } from '../../core/ports/metric.ts';
import type { Side } from '../sides.ts';
import type { BridgeState } from '../bridge/bridge.ts';
import type { RollbackCounts } from '../watch/rollback.ts';
import type { WindowSummary } from '../watch/sliding-window.ts';
import { SIDES } from '../sides.ts';
import { BRIDGE_COUNTER_NAMES, BRIDGE_COUNTERS } from './bridge-counters.ts';
import type { CutoverStatus } from './status-report.ts';

const SHOWN_MEASURES = ['connects', 'subscribes', 'api', 'delivery', 'arrivals', 'clients'] as const;

type MetricValues = [labels: readonly string[], value: number][];

/** Metrics of the cutover (SPEC 11.5). `readStatus` is called at each scrape. */
export function cutoverMetrics(readStatus: () => CutoverStatus): Metric[] {
  const read = oncePerScrape(readStatus);
  return [...splitMetrics(read), ...bridgeMetrics(read), ...healthMetrics(read), ...rollbackMetrics(read)];
}

/** All metrics of one scrape share one status, which is forgotten at the next turn of the event loop. */
function oncePerScrape(readStatus: () => CutoverStatus): () => CutoverStatus {
  let status: CutoverStatus | undefined;
  return () => {
    if (status === undefined) setImmediate(() => (status = undefined));
    return (status ??= readStatus());
  };
}

const splitMetrics = (read: () => CutoverStatus): Metric[] => [
  ...percentageMetrics(read),
  ...upgradeMetrics(read),
];

function percentageMetrics(read: () => CutoverStatus): Metric[] {
  return [
    // A change reaches all workers within a second; the maximum is the same but for that moment.
    gauge('cutover_percent', 'Percentage of the browsers that Wavehall serves.', [], 'max', () =>
      scalar(read().percentage.percent),
    ),
    gauge('cutover_last_good_percent', 'Latest percentage that held without a breach.', [], 'max', () =>
      scalar(read().percentage.lastGood),
    ),
    gauge(
      'cutover_shared',
      '1 when the last change of the percentage is saved (Redis, or WAVEHALL_CUTOVER_STATE_FILE); 0: other nodes and the next start do not have it.',
      [],
      'min',
      () => scalar(Number(read().percentage.isShared)),
    ),
  ];
}

function upgradeMetrics(read: () => CutoverStatus): Metric[] {
  const sides = (counts: Readonly<Record<Side, number>>): MetricValues =>
    SIDES.map((side) => [[side], counts[side]]);
  return [
    gauge(
      'cutover_sockets',
      'Open client connections by the server that serves them: wavehall or upstream (proxied).',
      ['side'],
      'sum',
      () => sides(read().split.open),
    ),
    counter(
      'cutover_upgrades_total',
      'Upgrades by the server that served them: wavehall or upstream.',
      ['side'],
      () => sides(read().split.total),
    ),
    counter(
      'cutover_failovers_total',
      'Upgrades that this server (wavehall or upstream) served because the other one could not.',
      ['side'],
      () => sides(read().split.failovers),
    ),
  ];
}

type BridgeGauge = readonly [
  name: string,
  help: string,
  acrossWorkers: MergeRule,
  value: (state: BridgeState) => number | undefined,
];

const BRIDGE_GAUGES: readonly BridgeGauge[] = [
  ['bridge_connected', '1 while the bridge is connected to the upstream.', 'min', (s) => Number(s.connected)],
  ['bridge_channels', 'Channels subscribed at the upstream.', 'sum', (s) => s.channels],
  ['bridge_members', 'Members of this node that are members at the upstream.', 'sum', (s) => s.members],
  ['bridge_connections', 'Connections of the bridge to the upstream.', 'sum', (s) => s.connections],
  ['bridge_queue_events', 'Events that wait to be forwarded to the upstream.', 'sum', (s) => s.queue.events],
  ['bridge_queue_bytes', 'Bytes that wait to be forwarded to the upstream.', 'sum', (s) => s.queue.bytes],
  [
    'bridge_queue_oldest_seconds',
    'Age in seconds of the oldest event that waits to be forwarded to the upstream.',
    'max',
    (s) => seconds(s.queue.oldestMs),
  ],
  [
    'bridge_lag_seconds',
    'Round trip in seconds of the last ping to the upstream.',
    'max',
    (s) => seconds(s.lagMs),
  ],
];

const DROPPED_HELP =
  'Events and members that the bridge did not pass on, by reason: queue-full (WAVEHALL_CUTOVER_QUEUE_*), too-old (waited longer than WAVEHALL_CUTOVER_QUEUE_SECONDS), refused (answered with 4xx), unanswered (no answer in time; not sent again), too-large (for the upstream), not-bridged (client events of a channel without a subscription at the upstream), too-many-connections (members not shown at the upstream), too-many-members (members of the upstream not shown here), too-many-echoes (passed on, and possibly delivered here twice), stopped (this server stopped first).';

const seconds = (ms: number | null | undefined): number | undefined =>
  ms === null || ms === undefined ? undefined : ms / 1000;

function bridgeMetrics(read: () => CutoverStatus): Metric[] {
  const perApp = (valueOf: (state: BridgeState) => number | undefined): MetricValues =>
    read().bridge.flatMap((state) => {
      const value = valueOf(state);
      return value === undefined ? [] : ([[[state.app], value]] satisfies MetricValues);
    });
  const dropped = (): MetricValues =>
    read().bridge.flatMap(({ app, dropped: reasons }) =>
      Object.entries(reasons).map(([reason, count]): MetricValues[number] => [[app, reason], count]),
    );
  return [
    ...BRIDGE_GAUGES.map(([name, help, acrossWorkers, valueOf]) =>
      gauge(name, help, ['app'], acrossWorkers, () => perApp(valueOf)),
    ),
    ...BRIDGE_COUNTER_NAMES.map((name) => {
      const { metric, help, isMs } = BRIDGE_COUNTERS[name];
      return counter(metric, help, ['app'], () =>
        perApp((state) => (isMs === true ? seconds(state[name]) : state[name])),
      );
    }),
    counter('bridge_dropped_total', DROPPED_HELP, ['app', 'reason'], dropped),
  ];
}

const WINDOW_GAUGES: readonly (readonly [
  name: string,
  help: string,
  acrossWorkers: MergeRule,
  value: (window: WindowSummary) => number | undefined,
])[] = [
  [
    'cutover_health_good',
    'Successful checks of one kind within WAVEHALL_CUTOVER_WINDOW_SECONDS, by side (wavehall or upstream). measure: connects and subscribes (test client), api (signed requests), delivery (test events on the same server), arrivals (test events from the other server), clients (connections of real clients; shown only).',
    'sum',
    (w) => w.good,
  ],
  ['cutover_health_bad', 'Failed checks; labels as in wavehall_cutover_health_good.', 'sum', (w) => w.bad],
  [
    'cutover_health_p50_seconds',
    'Median time in seconds; labels as in wavehall_cutover_health_good.',
    'max',
    (w) => seconds(w.p50Ms),
  ],
  [
    'cutover_health_p99_seconds',
    '99th percentile of the time in seconds; labels as in wavehall_cutover_health_good.',
    'max',
    (w) => seconds(w.p99Ms),
  ],
];

function healthMetrics(read: () => CutoverStatus): Metric[] {
  const perMeasure = (valueOf: (window: WindowSummary) => number | undefined): MetricValues =>
    SIDES.flatMap((side) =>
      SHOWN_MEASURES.flatMap((measure): MetricValues => {
        const value = valueOf(read().watch.health[side][measure]);
        return value === undefined ? [] : [[[side, measure], value]];
      }),
    );
  return [
    ...WINDOW_GAUGES.map(([name, help, acrossWorkers, valueOf]) =>
      gauge(name, help, ['side', 'measure'], acrossWorkers, () => perMeasure(valueOf)),
    ),
    gauge(
      'cutover_breaches',
      'Number of limits (WAVEHALL_CUTOVER_BREACH_*) that a side (wavehall or upstream) exceeds now.',
      ['side'],
      'max',
      () => SIDES.map((side) => [[side], read().watch.health[side].breaches.length]),
    ),
  ];
}

function rollbackMetrics(read: () => CutoverStatus): Metric[] {
  const watch = (): CutoverStatus['watch'] => read().watch;
  const all = (counts: object | null): MetricValues =>
    Object.entries(counts ?? {}).map(([name, count]) => [[name], Number(count)]);
  return [
    counter(
      'cutover_rollbacks_total',
      'Automatic rollbacks by outcome: last_good (to the last good percentage), zero (to 0), blocked (none, because the upstream cannot be reached), failed (the check failed and is repeated).',
      ['outcome'],
      () => rollbackValues(watch().rollback.counts),
    ),
    counter(
      'cutover_notifications_total',
      'Notifications of a rollback by outcome: sent, failed (refused, or given up after 5 attempts), dropped (too many were waiting).',
      ['outcome'],
      () => all(watch().notifications),
    ),
    counter(
      'cutover_canary_rounds_total',
      'Rounds of the canary: one event published at each side.',
      [],
      () => [[[], watch().canary?.rounds ?? 0]],
    ),
    counter('cutover_canary_doubled_total', 'Canary events that arrived more than once.', ['side'], () =>
      all(watch().canary?.doubled ?? null),
    ),
  ];
}

const rollbackValues = ({ toLastGood, toZero, blocked, failed }: RollbackCounts): MetricValues => [
  [['last_good'], toLastGood],
  [['zero'], toZero],
  [['blocked'], blocked],
  [['failed'], failed],
];
