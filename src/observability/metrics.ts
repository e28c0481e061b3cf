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
const LEFT_OUT = /^nodejs_active_\w+_total$/;

export interface Metrics {
  readonly contentType: string;
  text(): Promise<string>;
}

/** How one figure comes from those of several processes. */
export type Joined = 'sum' | 'min' | 'max';

type Snapshot = readonly MetricObjectWithValues<MetricValue<string>>[];

/** The processes that serve one port. */
export interface Everybody {
  /** By the name of a figure; those that are not in it are added up. */
  readonly joined: Readonly<Record<string, Joined>>;
  /** What this process says of itself, whoever asks. */
  answer(how: () => Promise<Snapshot>): void;
  askAll(): Promise<readonly unknown[]>;
}

/**
 * Figures as Prometheus text, with those of the process; each is read when somebody asks (SPEC 11.5).
 * With `everybody` they are those of all processes, whichever is asked.
 */
export function openMetrics(figures: readonly Metric[], everybody?: Everybody): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  for (const { name } of registry.getMetricsAsArray()) {
    if (LEFT_OUT.test(name)) registry.removeSingleMetric(name);
  }
  for (const figure of figures) add(registry, figure, everybody?.joined[figure.name] ?? 'sum');
  everybody?.answer(() => snapshotOf(registry));
  const text = async (): Promise<string> =>
    everybody === undefined
      ? registry.metrics()
      : AggregatorRegistry.aggregate((await everybody.askAll()) as object[]).metrics();
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

function add(registry: Registry, figure: Metric, aggregator: Joined): void {
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
