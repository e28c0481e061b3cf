import {
  AggregatorRegistry,
  collectDefaultMetrics,
  Counter,
  Gauge,
  type MetricObjectWithValues,
  type MetricValue,
  Registry,
} from 'prom-client';
import type { HistogramMetric, Metric, NumberMetric } from '../core/ports/metric.ts';
import type { Histogram } from '../core/util/histogram.ts';

/** Default metrics of Node.js whose names `promtool check metrics` warns about. */
const OMITTED = /^nodejs_active_\w+_total$/;

export interface Metrics {
  readonly contentType: string;
  text(): Promise<string>;
}

type Snapshot = readonly MetricObjectWithValues<MetricValue<string>>[];

/** Collects the metrics of all workers that serve one port. */
export interface WorkerMetrics {
  /** Registers what this worker answers to each collection. */
  onCollect(snapshot: () => Promise<Snapshot>): void;
  /** The snapshots of all workers that answer in time. */
  collectAll(): Promise<readonly unknown[]>;
}

/**
 * Metrics as Prometheus text, together with those of Node.js; values are read at each scrape (SPEC 11.5).
 * With `workers`, every worker answers for all of them.
 */
export function openMetrics(metrics: readonly Metric[], workers?: WorkerMetrics): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  for (const { name } of registry.getMetricsAsArray()) {
    if (OMITTED.test(name)) registry.removeSingleMetric(name);
  }
  for (const metric of metrics) add(registry, metric);
  workers?.onCollect(() => snapshotOf(registry));
  const text = async (): Promise<string> =>
    workers === undefined
      ? registry.metrics()
      : AggregatorRegistry.aggregate((await workers.collectAll()) as object[]).metrics();
  return { contentType: registry.contentType, text };
}

/** Leaves out NaN, the value of a metric that was not measured yet: it would make every sum NaN. */
async function snapshotOf(registry: Registry): Promise<Snapshot> {
  const metrics = await registry.getMetricsAsJSON();
  return metrics.map((metric) => ({
    ...metric,
    values: metric.values.filter(({ value }) => Number.isFinite(value)),
  }));
}

function add(registry: Registry, metric: Metric): void {
  if (metric.kind === 'histogram') addHistogram(registry, metric);
  else addNumber(registry, metric);
}

function addNumber(registry: Registry, metric: NumberMetric): void {
  // A snapshot carries the rule to the worker that merges.
  const { name, help, kind, labels, acrossWorkers: aggregator } = metric;
  const options = { name, help, labelNames: labels, registers: [registry], aggregator };
  if (kind === 'gauge') {
    const gauge: Gauge = new Gauge({ ...options, collect: () => read(gauge, (of, value) => of.set(value)) });
  } else {
    const counter: Counter = new Counter({
      ...options,
      collect: () => read(counter, (of, value) => of.inc(value)),
    });
  }

  function read<C>(target: Labelled<C>, put: (child: C, value: number) => void): void {
    target.reset();
    for (const [labelValues, value] of metric.values()) put(target.labels(...labelValues), value);
  }
}

/** Values that are counted elsewhere: the library's own histogram cannot be set. */
function addHistogram(registry: Registry, metric: HistogramMetric): void {
  const { name, help, labels, acrossWorkers: aggregator } = metric;
  const get = () => ({
    name,
    help,
    type: 'histogram',
    aggregator,
    values: [...metric.values()].flatMap(([values, of]) =>
      samplesOf(name, Object.fromEntries(labels.map((label, at) => [label, values[at] ?? ''])), of),
    ),
  });
  registry.registerMetric({ name, get } as unknown as Gauge);
}

/** The lines of one histogram; each bucket includes those below it. */
function samplesOf(
  name: string,
  labels: Readonly<Record<string, string>>,
  { bounds, counts, sum }: Histogram,
) {
  let total = 0;
  const buckets = counts.map((count, at) => ({
    metricName: `${name}_bucket`,
    labels: { ...labels, le: bounds[at] ?? '+Inf' },
    value: (total += count),
  }));
  return [
    ...buckets,
    { metricName: `${name}_sum`, labels, value: sum },
    { metricName: `${name}_count`, labels, value: total },
  ];
}

interface Labelled<C> {
  reset(): void;
  labels(...values: readonly string[]): C;
}
