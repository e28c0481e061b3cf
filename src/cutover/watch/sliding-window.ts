import type { Clock } from '../../core/ports/clock.ts';

const BUCKET_MS = 1000;
/** Times kept of each second: enough for a p99 over many seconds. */
const TIMES_PER_BUCKET = 200;

interface Bucket {
  readonly atMs: number;
  good: number;
  bad: number;
  timed: number;
  slowestMs: number;
  readonly timesMs: number[];
}

/** Counts and times of a window; times are `null` when nothing was timed. */
export interface WindowSummary {
  readonly good: number;
  readonly bad: number;
  readonly p50Ms: number | null;
  readonly p99Ms: number | null;
}

/** Good and bad events and their times, second by second; older ones than the window are dropped. */
export class SlidingWindow {
  readonly #windowMs: number;
  readonly #clock: Clock;
  #buckets: Bucket[] = [];

  constructor(windowMs: number, clock: Clock) {
    this.#windowMs = windowMs;
    this.#clock = clock;
  }

  record(ok: boolean, ms?: number): void {
    const bucket = this.#current();
    if (ok) bucket.good += 1;
    else bucket.bad += 1;
    if (ms === undefined) return;
    bucket.timed += 1;
    bucket.slowestMs = Math.max(bucket.slowestMs, ms);
    // Beyond what is kept, each time has the same chance to be among those kept.
    const at = bucket.timed <= TIMES_PER_BUCKET ? bucket.timed - 1 : Math.floor(Math.random() * bucket.timed);
    if (at < TIMES_PER_BUCKET) bucket.timesMs[at] = ms;
  }

  /** Summary of the seconds in the window that began at `sinceMs` or later. */
  summary(sinceMs = 0): WindowSummary {
    const buckets = this.#since(sinceMs);
    const times = buckets.flatMap(({ timesMs }) => timesMs).sort((a, b) => a - b);
    return {
      good: buckets.reduce((sum, { good }) => sum + good, 0),
      bad: buckets.reduce((sum, { bad }) => sum + bad, 0),
      p50Ms: percentile(times, 0.5),
      p99Ms: percentile(times, 0.99),
    };
  }

  /** Start of the last second with a failure; `undefined`: there is none. */
  lastBadMs(sinceMs = 0): number | undefined {
    return this.#since(sinceMs).findLast(({ bad }) => bad > 0)?.atMs;
  }

  /** Start of the last second with a time above the limit. */
  lastSlowerMs(limitMs: number, sinceMs = 0): number | undefined {
    return this.#since(sinceMs).findLast(({ slowestMs }) => slowestMs > limitMs)?.atMs;
  }

  #since(sinceMs: number): readonly Bucket[] {
    const fromMs = Math.max(sinceMs, this.#clock() - this.#windowMs);
    return this.#buckets.filter(({ atMs }) => atMs >= fromMs);
  }

  #current(): Bucket {
    const nowMs = this.#clock();
    const atMs = nowMs - (nowMs % BUCKET_MS);
    const last = this.#buckets.at(-1);
    // After the clock was set back, the last second goes on.
    if (last !== undefined && last.atMs >= atMs && last.atMs - atMs < this.#windowMs) return last;
    const fresh = { atMs, good: 0, bad: 0, timed: 0, slowestMs: 0, timesMs: [] };
    const kept = this.#buckets.filter((each) => each.atMs <= atMs && each.atMs > atMs - this.#windowMs);
    this.#buckets = [...kept, fresh];
    return fresh;
  }
}

/** Percentile of sorted values (nearest rank). */
export function percentile(sorted: readonly number[], share: number): number | null {
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? null;
}
