import type { Metric } from './ports.ts';

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
