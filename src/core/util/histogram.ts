/** Upper bounds of durations in seconds, from 0.5 ms to 10 s. */
export const DURATION_BOUNDS_SECONDS: readonly number[] = [
  0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10,
];

/** Distribution of values: how many are at most as large as each bound, their number and their sum. */
export class Histogram {
  readonly bounds: readonly number[];
  /** Values between one bound and the next, the last item: above all bounds. */
  readonly counts: number[];
  sum = 0;

  constructor(bounds: readonly number[] = DURATION_BOUNDS_SECONDS) {
    this.bounds = bounds;
    this.counts = new Array<number>(bounds.length + 1).fill(0);
  }

  observe(value: number): void {
    let at = 0;
    while (at < this.bounds.length && value > (this.bounds[at] as number)) at += 1;
    this.counts[at] = (this.counts[at] as number) + 1;
    this.sum += value;
  }
}
