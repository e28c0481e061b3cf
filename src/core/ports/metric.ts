/** One figure for machines that watch: Prometheus' words, and its values when somebody asks. */
export interface Metric {
  readonly name: string;
  readonly help: string;
  readonly kind: 'gauge' | 'counter';
  readonly labels: readonly string[];
  /** The values of the labels, in their order, and the figure. */
  values(): Iterable<readonly [labels: readonly string[], value: number]>;
}

/** What goes up and down. */
export const gauge = (
  name: string,
  help: string,
  labels: readonly string[],
  values: Metric['values'],
): Metric => ({ name: `wavehall_${name}`, help, kind: 'gauge', labels, values });

/** What only grows; its name ends in `_total`. */
export const counter = (
  name: string,
  help: string,
  labels: readonly string[],
  values: Metric['values'],
): Metric => ({ ...gauge(name, help, labels, values), kind: 'counter' });

/** A figure without labels. */
export const one = (value: number): ReturnType<Metric['values']> => [[[], value]];
