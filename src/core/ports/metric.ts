/** How one value comes from those of several workers that serve one port. */
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

/** A metric that rises and falls: only its author knows whether workers add up, so that the rule has no default. */
export const gauge = (
  name: string,
  help: string,
  labels: readonly string[],
  acrossWorkers: MergeRule,
  values: Metric['values'],
): Metric => ({ name: `wavehall_${name}`, help, kind: 'gauge', labels, acrossWorkers, values });

/** A metric that only grows; its name ends in `_total`. Each worker counts its own part, unless `acrossWorkers` differs. */
export const counter = (
  name: string,
  help: string,
  labels: readonly string[],
  values: Metric['values'],
  acrossWorkers: MergeRule = 'sum',
): Metric => ({ name: `wavehall_${name}`, help, kind: 'counter', labels, acrossWorkers, values });

/** The values of a metric without labels. */
export const scalar = (value: number): ReturnType<Metric['values']> => [[[], value]];
