import {
  AggregatorRegistry,
  collectDefaultMetrics,
  Counter,
  Gauge,
  type MetricObjectWithValues,
  type MetricValue,
  Registry,
} from 'prom-client';
import type { Metric } from '../core/ports/metric.ts';

/** `promtool check metrics` warns of these names. */
const OMITTED = /^nodejs_active_\w+_total$/;

export interface Metrics {
  readonly contentType: string;
  text(): Promise<string>;
}

/** How one figure comes from those of several processes. */
export type MergeRule = 'sum' | 'min' | 'max';

type Snapshot = readonly MetricObjectWithValues<MetricValue<string>>[];

/** The processes that serve one port. */
export interface WorkerMetrics {
  /** By the name of a figure; those that are not in it are added up. */
  readonly mergeRules: Readonly<Record<string, MergeRule>>;
  /** What this process says of itself, whoever asks. */
  onCollect(how: () => Promise<Snapshot>): void;
  collectAll(): Promise<readonly unknown[]>;
}

/**
 * Figures as Prometheus text, with those of the process; each is read when somebody asks (SPEC 11.5).
 * With `everybody` they are those of all processes, whichever is asked.
 */
export function openMetrics(figures: readonly Metric[], everybody?: WorkerMetrics): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  for (const { name } of registry.getMetricsAsArray()) {
    if (OMITTED.test(name)) registry.removeSingleMetric(name);
  }
  for (const figure of figures) add(registry, figure, everybody?.mergeRules[figure.name] ?? 'sum');
  everybody?.onCollect(() => snapshotOf(registry));
  const text = async (): Promise<string> =>
    everybody === undefined
      ? registry.metrics()
      : AggregatorRegistry.aggregate((await everybody.collectAll()) as object[]).metrics();
  return { contentType: registry.contentType, text };
}

/** What is no number, because nothing was measured yet, would spoil a sum. */
async function snapshotOf(registry: Registry): Promise<Snapshot> {
  const metrics = await registry.getMetricsAsJSON();
  return metrics.map((metric) => ({
    ...metric,
    values: metric.values.filter(({ value }) => Number.isFinite(value)),
  }));
}

function add(registry: Registry, figure: Metric, aggregator: MergeRule): void {
  const { name, help, kind, labels } = figure;
  const options = { name, help, labelNames: labels, registers: [registry], aggregator };
  if (kind === 'gauge') {
    const gauge: Gauge = new Gauge({ ...options, collect: () => read(gauge, (of, value) => of.set(value)) });
  } else {
    const counter: Counter = new Counter({
      ...options,
      collect: () => read(counter, (of, value) => of.inc(value)),
    });
  }

  function read<C>(metric: Labelled<C>, put: (child: C, value: number) => void): void {
    metric.reset();
    for (const [labelValues, value] of figure.values()) put(metric.labels(...labelValues), value);
  }
}

interface Labelled<C> {
  reset(): void;
  labels(...values: readonly string[]): C;
}
