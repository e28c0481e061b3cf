/** Results of a benchmark: one figure of one server, and its ratio to that figure of other servers in the same rounds. */
import { quantile } from './cluster/bench-cluster.ts';

export interface Comparison {
  readonly to: string;
  readonly ratio: number;
  /** Largest ratio that meets the goal. */
  readonly atMost?: number | undefined;
}

export interface Row {
  readonly scenario: string;
  readonly figure: string;
  readonly server: string;
  /** `undefined`: could not be measured; `note` gives the reason. */
  readonly value: number | undefined;
  readonly unit: string;
  /** Largest value that meets the goal. */
  readonly atMost?: number | undefined;
  /** Smallest value that meets the goal. */
  readonly atLeast?: number | undefined;
  readonly against?: readonly Comparison[];
  readonly more?: Readonly<Record<string, number | undefined>>;
  readonly note?: string | undefined;
}

/** Something that was not measured, and why. */
export interface LeftOut {
  readonly what: string;
  readonly why: string;
}

export const median = (values: readonly (number | undefined)[]): number | undefined =>
  quantile(values.filter((value) => value !== undefined && Number.isFinite(value)) as number[], 0.5);

/** Values of one server, one for each round; `undefined` where a round failed. */
export type Rounds = readonly (number | undefined)[];

/** Median of the ratios of each round; a disturbance of a whole round affects both values. */
export function ratioOf(own: Rounds, other: Rounds): number | undefined {
  return median(own.map((value, at) => (value === undefined ? undefined : value / (other[at] ?? NaN))));
}

export interface Base {
  readonly to: string;
  readonly rounds: Rounds;
  readonly atMost?: number | undefined;
}

export function compare(own: Rounds, bases: readonly Base[]): Comparison[] {
  return bases.flatMap(({ to, rounds, atMost }) => {
    const ratio = ratioOf(own, rounds);
    return ratio === undefined ? [] : [{ to, ratio, atMost }];
  });
}

/** Each goal of this row, with `met` or `MISSED`. */
export function goalsOf(row: Row): { readonly text: string; readonly isMet: boolean }[] {
  const { value, unit, atMost, atLeast } = row;
  const own =
    value === undefined
      ? []
      : [
          ...(atMost === undefined ? [] : [{ text: `<= ${atMost} ${unit}`, isMet: value <= atMost }]),
          ...(atLeast === undefined ? [] : [{ text: `>= ${atLeast} ${unit}`, isMet: value >= atLeast }]),
        ];
  const others = (row.against ?? []).flatMap(({ to, ratio, atMost }) =>
    atMost === undefined ? [] : [{ text: `<= ${atMost} x ${to}`, isMet: ratio <= atMost }],
  );
  return [...own, ...others];
}
