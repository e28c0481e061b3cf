import { counter, gauge, histogram, type Metric, scalar } from '../../../../core/ports/metric.ts';
import type { LossMeter } from '../../../../core/ports/nodes/loss-meter.ts';
import { Histogram } from '../../../../core/util/histogram.ts';

/** The counters: name, help, and the count. */
const COUNTERS: readonly (readonly [
  name: string,
  help: string,
  of: 'received' | 'lost' | 'doubled' | 'late',
])[] = [
  [
    'node_messages_received_total',
    'Test messages of another node that arrived over Redis; each node sends one a second.',
    'received',
  ],
  [
    'node_messages_lost_total',
    'Test messages of another node that Redis accepted and that did not arrive, e.g. while this node was disconnected from Redis. Events that were missed with them are read from the history.',
    'lost',
  ],
  ['node_messages_doubled_total', 'Test messages of another node that arrived more than once.', 'doubled'],
  [
    'node_messages_late_total',
    'Test messages of another node that arrived after a newer one, or a second later than the quickest.',
    'late',
  ],
];

/** Metrics of the loss meter (SPEC 12.3). The number of different labels is bounded by the meter. */
export const lossMetrics = (meter: LossMeter): Metric[] => [
  gauge(
    'node_info',
    'Always 1. The label node is the name by which the other nodes count the test messages of this node.',
    ['node'],
    'max',
    () => [[[meter.report().node], 1]],
  ),
  ...COUNTERS.map(([name, help, of]) =>
    counter(name, help, ['from'], () =>
      meter.report().pairs.map((pair): [string[], number] => [[pair.from], pair[of]]),
    ),
  ),
];

/** Distribution of the time that messages of this node take through Redis back to it. */
export function lagMetric(meter: LossMeter): Metric {
  const lag = new Histogram();
  meter.onLag((seconds) => lag.observe(seconds));
  return histogram(
    'redis_pubsub_lag_seconds',
    'Time that a test message of this node takes through Redis and back to it, by its own clock; one a second.',
    [],
    () => scalar(lag),
  );
}
