import { counter, gauge, histogram, type Metric, scalar } from '../core/ports/metric.ts';
import type { Outbox } from '../core/ports/webhooks.ts';
import type { DeliveryCounts } from './delivery/counts.ts';

const LABELS = ['endpoint'] as const;

/** An endpoint as the metrics show it. */
export interface MeasuredEndpoint {
  readonly name: string;
  readonly counts: DeliveryCounts;
  /** As the outbox gave them last. */
  readonly waiting: { readonly entries: number; readonly oldestMs: number };
}

type CountName = Exclude<keyof DeliveryCounts, 'seconds'>;

const COUNTERS: readonly (readonly [name: string, help: string, of: CountName])[] = [
  ['webhooks_due_total', 'Events that an endpoint wants and that this node took to deliver.', 'due'],
  ['webhooks_sent_total', 'Events that were delivered.', 'sent'],
  ['webhooks_failed_total', 'Attempts to deliver that failed.', 'failed'],
  ['webhooks_retried_total', 'Attempts after the first of a delivery.', 'retried'],
  ['webhooks_dead_total', 'Events that were given up: they are among the failed deliveries.', 'dead'],
];

/** Metrics of the webhooks; values are read at each scrape. All nodes see the same outbox. */
export const webhookMetrics = (
  endpoints: readonly MeasuredEndpoint[],
  outbox: Pick<Outbox, 'dropped'>,
): Metric[] => {
  const ofEach = <Value>(value: (endpoint: MeasuredEndpoint) => Value) =>
    endpoints.map((endpoint): [string[], Value] => [[endpoint.name], value(endpoint)]);
  return [
    ...COUNTERS.map(([name, help, of]) =>
      counter(name, help, LABELS, () => ofEach(({ counts }) => counts[of])),
    ),
    counter(
      'webhooks_dropped_total',
      'Events that were dropped, because too many waited or Redis was away for too long: they reach no endpoint.',
      [],
      () => scalar(outbox.dropped),
    ),
    gauge('webhooks_waiting', 'Events that wait to be delivered, on all nodes.', LABELS, 'max', () =>
      ofEach(({ waiting }) => waiting.entries),
    ),
    gauge(
      'webhooks_oldest_waiting_seconds',
      'Time for which the oldest event has waited; 0 without one.',
      LABELS,
      'max',
      () => ofEach(({ waiting }) => waiting.oldestMs / 1000),
    ),
    histogram('webhooks_delivery_seconds', 'Time from an event to its successful delivery.', LABELS, () =>
      ofEach(({ counts }) => counts.seconds),
    ),
  ];
};
