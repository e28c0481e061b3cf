/** Rule that merges the values of several workers of one port into one. */
export type MergeRule = 'sum' | 'min' | 'max';

/** One metric in Prometheus' terms; its values are read at each scrape. */
export interface Metric {
  readonly name: string;
  readonly help: string;
  readonly kind: 'gauge' | 'counter';
  readonly labels: readonly string[];
  readonly acrossWorkers: MergeRule;
  /** The values of the labels, in their order, and the number. */
  values(): Iterable<readonly [labels: readonly string[], value: number]>;
}

/** Makes a metric that rises and falls. The merge rule has no default: only the author of a gauge knows whether values add up. */
export const gauge = (
  name: string,
  help: string,
  labels: readonly string[],
  acrossWorkers: MergeRule,
  values: Metric['values'],
): Metric => ({ name: `wavehall_${name}`, help, kind: 'gauge', labels, acrossWorkers, values });

/** Makes a metric that only grows; its name ends in `_total`. Each worker counts its own part, unless `acrossWorkers` differs. */
export const counter = (
  name: string,
  help: string,
  labels: readonly string[],
  values: Metric['values'],
  acrossWorkers: MergeRule = 'sum',
): Metric => ({ name: `wavehall_${name}`, help, kind: 'counter', labels, acrossWorkers, values });

/** Returns the values of a metric without labels. */
export const scalar = (value: number): ReturnType<Metric['values']> => [[[], value]];
