import { counter, gauge, one } from '../../core/ports/metric.ts';
import type { Metric } from '../../core/ports/metric.ts';
import type { BridgeState, Side } from '../ports.ts';
import type { CutoverStatus } from './status-report.ts';
import type { WindowSummary } from '../watch/sliding-window.ts';

const SIDES = ['wavehall', 'upstream'] as const;
const MEASURES = ['connects', 'subscribes', 'api', 'delivery', 'arrivals', 'clients'] as const;

type Values = [labels: readonly string[], value: number][];

/** Everything about the cutover that machines may watch (SPEC 11.5). `read` is asked each time. */
export function cutoverMetrics(ask: () => CutoverStatus): Metric[] {
  const read = onceAtATime(ask);
  return [...splitFigures(read), ...bridgeFigures(read), ...healthFigures(read), ...rollbackFigures(read)];
}

/** One answer is good for all figures of one look. */
function onceAtATime(ask: () => CutoverStatus): () => CutoverStatus {
  let status: CutoverStatus | undefined;
  return () => {
    if (status === undefined) setImmediate(() => (status = undefined));
    return (status ??= ask());
  };
}

function splitFigures(read: () => CutoverStatus): Metric[] {
  const sides = (counts: Readonly<Record<Side, number>>): Values =>
    SIDES.map((side) => [[side], counts[side]]);
  return [
    gauge('cutover_percent', 'Share of the browsers for Wavehall.', [], () => one(read().percentage.percent)),
    gauge('cutover_last_good_percent', 'The latest share that held without a breach.', [], () =>
      one(read().percentage.lastGood),
    ),
    gauge('cutover_shared', '1 when all nodes know of the last change.', [], () =>
      one(Number(read().percentage.isShared)),
    ),
    gauge('cutover_sockets', 'Sockets of the front door.', ['side'], () => sides(read().split.open)),
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

type Row = readonly [
  kind: Metric['kind'],
  name: string,
  help: string,
  value: (state: BridgeState) => number | undefined,
];

const NOW: readonly Row[] = [
  ['gauge', 'bridge_connected', '1 when the bridge is connected.', (s) => Number(s.connected)],
  ['gauge', 'bridge_channels', 'Channels listened to at the other side.', (s) => s.channels],
  ['gauge', 'bridge_members', 'Members of this node that are members there.', (s) => s.members],
  ['gauge', 'bridge_connections', 'Sockets of the bridge there.', (s) => s.connections],
  ['gauge', 'bridge_queue_events', 'Events that wait for the other side.', (s) => s.queue.events],
  ['gauge', 'bridge_queue_bytes', 'Bytes that wait for the other side.', (s) => s.queue.bytes],
  ['gauge', 'bridge_queue_oldest_seconds', 'Age of the oldest of them.', (s) => s.queue.oldestMs / 1000],
  ['gauge', 'bridge_lag_seconds', 'Time that the last pong took.', (s) => seconds(s.lagMs)],
];

const SINCE_THE_START: readonly Row[] = [
  ['counter', 'bridge_forwarded_total', 'Events that the other side took.', (s) => s.forwarded],
  ['counter', 'bridge_received_total', 'Events from the other side.', (s) => s.received],
  ['counter', 'bridge_whispers_sent_total', 'Client events sent there.', (s) => s.whispersSent],
  ['counter', 'bridge_whispers_received_total', 'Client events from there.', (s) => s.whispersReceived],
  ['counter', 'bridge_echoes_total', 'Own events that came back and were left out.', (s) => s.echoesDropped],
  ['counter', 'bridge_gaps_total', 'Times without a listener there.', (s) => s.gaps],
  ['counter', 'bridge_gap_seconds_total', 'Their length in all.', (s) => s.gapMs / 1000],
];

const seconds = (ms: number | null | undefined): number | undefined =>
  ms === null || ms === undefined ? undefined : ms / 1000;

function bridgeFigures(read: () => CutoverStatus): Metric[] {
  const perApp = (value: Row[3]): Values =>
    read().bridge.flatMap((state) => {
      const found = value(state);
      return found === undefined ? [] : ([[[state.app], found]] satisfies Values);
    });
  const dropped = (): Values =>
    read().bridge.flatMap(({ app, dropped: reasons }) =>
      Object.entries(reasons).map(([reason, count]): Values[number] => [[app, reason], count]),
    );
  return [
    ...[...NOW, ...SINCE_THE_START].map(([kind, name, help, value]) =>
      (kind === 'gauge' ? gauge : counter)(name, help, ['app'], () => perApp(value)),
    ),
    counter('bridge_dropped_total', 'What did not cross, by its reason.', ['app', 'reason'], dropped),
  ];
}

const MEASURED: readonly (readonly [
  name: string,
  help: string,
  value: (figures: WindowSummary) => number | undefined,
])[] = [
  ['cutover_health_good', 'Good events in the window.', (f) => f.good],
  ['cutover_health_bad', 'Bad events in the window.', (f) => f.bad],
  ['cutover_health_p50_seconds', 'Half were faster.', (f) => seconds(f.p50Ms)],
  ['cutover_health_p99_seconds', 'Ninety-nine in a hundred were faster.', (f) => seconds(f.p99Ms)],
];

function healthFigures(read: () => CutoverStatus): Metric[] {
  const perMeasure = (value: (figures: WindowSummary) => number | undefined): Values =>
    SIDES.flatMap((side) =>
      MEASURES.flatMap((measure): Values => {
        const found = value(read().watch.health[side][measure]);
        return found === undefined ? [] : [[[side, measure], found]];
      }),
    );
  return [
    ...MEASURED.map(([name, help, value]) => gauge(name, help, ['side', 'measure'], () => perMeasure(value))),
    gauge('cutover_breaches', 'Limits that a side exceeds now.', ['side'], () =>
      SIDES.map((side) => [[side], read().watch.health[side].breaches.length]),
    ),
  ];
}

function rollbackFigures(read: () => CutoverStatus): Metric[] {
  const watch = (): CutoverStatus['watch'] => read().watch;
  const all = (counts: object | null): Values =>
    Object.entries(counts ?? {}).map(([name, count]) => [[name], Number(count)]);
  return [
    counter(
      'cutover_rollbacks_total',
      'Automatic rollbacks by outcome: to the last good share, to 0, blocked because the upstream is away, or failed.',
      ['outcome'],
      () => all(watch().rollback.counts),
    ),
    counter('cutover_notifications_total', 'What became of the notifications.', ['outcome'], () =>
      all(watch().notifications),
    ),
    counter('cutover_canary_rounds_total', 'Canary events published at each side.', [], () => [
      [[], watch().canary?.rounds ?? 0],
    ]),
    counter('cutover_canary_doubled_total', 'Canary events heard more than once.', ['side'], () =>
      all(watch().canary?.doubled ?? null),
    ),
  ];
}
