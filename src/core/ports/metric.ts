import type { Histogram } from '../util/histogram.ts';

/** Rule that merges the values of several workers of one port into one. */
export type MergeRule = 'sum' | 'min' | 'max';

interface MetricOf<Kind, Value> {
  readonly name: string;
  readonly help: string;
  readonly kind: Kind;
  readonly labels: readonly string[];
  readonly acrossWorkers: MergeRule;
  /** The values of the labels, in their order, and the value. */
  values(): Iterable<readonly [labels: readonly string[], value: Value]>;
}

export type NumberMetric = MetricOf<'gauge' | 'counter', number>;
export type HistogramMetric = MetricOf<'histogram', Histogram>;

/** One metric in Prometheus' terms; its values are read at each scrape. */
export type Metric = NumberMetric | HistogramMetric;

/** Makes a metric that rises and falls. The merge rule has no default: only the author of a gauge knows whether values add up. */
export const gauge = (
  name: string,
  help: string,
  labels: readonly string[],
  acrossWorkers: MergeRule,
  values: NumberMetric['values'],
): NumberMetric => ({ name: `wavehall_${name}`, help, kind: 'gauge', labels, acrossWorkers, values });

/** Makes a metric that only grows; its name ends in `_total`. Each worker counts its own part, unless `acrossWorkers` differs. */
export const counter = (
  name: string,
  help: string,
  labels: readonly string[],
  values: NumberMetric['values'],
  acrossWorkers: MergeRule = 'sum',
): NumberMetric => ({ name: `wavehall_${name}`, help, kind: 'counter', labels, acrossWorkers, values });

/** Makes a metric of the distribution of a value; those of workers are added up. */
export const histogram = (
  name: string,
  help: string,
  labels: readonly string[],
  values: HistogramMetric['values'],
): HistogramMetric => ({
  name: `wavehall_${name}`,
  help,
  kind: 'histogram',
  labels,
  acrossWorkers: 'sum',
  values,
});

/** Returns the values of a metric without labels. */
export const scalar = <Value>(value: Value): [labels: readonly string[], value: Value][] => [[[], value]];
