import { Histogram } from '../../core/util/histogram.ts';

/** From 5 ms to the age at which a delivery is given up, and beyond. */
const BOUNDS_SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 600];

/** Counts of one endpoint since the start. */
export class DeliveryCounts {
  /** Events that were taken for this endpoint. */
  due = 0;
  /** Events that were delivered. */
  sent = 0;
  /** Attempts that failed. */
  failed = 0;
  /** Attempts after the first. */
  retried = 0;
  /** Events that were given up. */
  dead = 0;
  readonly seconds = new Histogram(BOUNDS_SECONDS);
}
