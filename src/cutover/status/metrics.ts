import { counter, gauge, type MergeRule, type Metric, scalar } from '../../core/ports/metric.ts';
import type { Side } from '../ports.ts';
import type { BridgeState } from '../bridge/port.ts';
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
    gauge('cutover_shared', '1 when all nodes have the last change of the percentage.', [], 'min', () =>
      scalar(Number(read().percentage.isShared)),
    ),
  ];
}

function upgradeMetrics(read: () => CutoverStatus): Metric[] {
  const sides = (counts: Readonly<Record<Side, number>>): MetricValues =>
    SIDES.map((side) => [[side], counts[side]]);
  return [
    gauge('cutover_sockets', 'Open sockets of the front door by side.', ['side'], 'sum', () =>
      sides(read().split.open),
    ),
    counter('cutover_upgrades_total', 'Upgrades by the side that served them.', ['side'], () =>
      sides(read().split.total),
    ),
    counter(
      'cutover_failovers_total',
      'Upgrades that were served by this side because the other one could not serve them.',
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
  ['bridge_queue_events', 'Events that wait to be forwarded.', 'sum', (s) => s.queue.events],
  ['bridge_queue_bytes', 'Bytes that wait to be forwarded.', 'sum', (s) => s.queue.bytes],
  ['bridge_queue_oldest_seconds', 'Age of the oldest of them.', 'max', (s) => seconds(s.queue.oldestMs)],
  ['bridge_lag_seconds', 'Round trip of the last ping to the upstream.', 'max', (s) => seconds(s.lagMs)],
];

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
    counter('bridge_dropped_total', 'What was not carried across, by reason.', ['app', 'reason'], dropped),
  ];
}

const WINDOW_GAUGES: readonly (readonly [
  name: string,
  help: string,
  acrossWorkers: MergeRule,
  value: (window: WindowSummary) => number | undefined,
])[] = [
  ['cutover_health_good', 'Good events in the window.', 'sum', (w) => w.good],
  ['cutover_health_bad', 'Bad events in the window.', 'sum', (w) => w.bad],
  ['cutover_health_p50_seconds', 'Median of the times in the window.', 'max', (w) => seconds(w.p50Ms)],
  [
    'cutover_health_p99_seconds',
    '99th percentile of the times in the window.',
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
    gauge('cutover_breaches', 'Limits that a side exceeds now.', ['side'], 'max', () =>
      SIDES.map((side) => [[side], read().watch.health[side].breaches.length]),
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
      'Automatic rollbacks by outcome: to the last good share, to 0, blocked because the upstream is away, or failed.',
      ['outcome'],
      () => all(watch().rollback.counts),
    ),
    counter('cutover_notifications_total', 'Notifications of a rollback by outcome.', ['outcome'], () =>
      all(watch().notifications),
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
