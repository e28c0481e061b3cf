import { collectDefaultMetrics, Counter, Gauge, Registry } from 'prom-client';
import type { Figure } from '../core/ports.ts';

/** `promtool check metrics` warns of these names. */
const LEFT_OUT = /^nodejs_active_\w+_total$/;

export interface Metrics {
  readonly contentType: string;
  text(): Promise<string>;
}

/** Figures as Prometheus text, with those of the process; each is read when somebody asks (SPEC 11.5). */
export function openMetrics(figures: readonly Figure[]): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  for (const { name } of registry.getMetricsAsArray()) {
    if (LEFT_OUT.test(name)) registry.removeSingleMetric(name);
  }
  for (const figure of figures) add(registry, figure);
  return { contentType: registry.contentType, text: () => registry.metrics() };
}

function add(registry: Registry, figure: Figure): void {
  const { name, help, kind, labels } = figure;
  const options = { name, help, labelNames: labels, registers: [registry] };
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
