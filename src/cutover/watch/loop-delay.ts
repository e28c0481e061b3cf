import { type IntervalHistogram, monitorEventLoopDelay, performance } from 'node:perf_hooks';

const RESOLUTION_MS = 20;

/** Delay of this process' event loop (SPEC 11.14). */
export class LoopDelay {
  readonly #histogram: IntervalHistogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  #lastTakenMs = 0;

  start(): void {
    this.#histogram.enable();
    this.#lastTakenMs = performance.now();
  }

  stop(): void {
    this.#histogram.disable();
  }

  /**
   * p99 of the event-loop delay (ms) since the previous call. `everyMs` is the interval of the caller's timer: its lateness
   * counts too, which the histogram may miss because it is reset at that moment.
   */
  takeMs(everyMs: number): number {
    const nowMs = performance.now();
    const lateMs = nowMs - this.#lastTakenMs - everyMs;
    const p99Ms = this.#histogram.count === 0 ? 0 : this.#histogram.percentile(99) / 1e6 - RESOLUTION_MS;
    this.#histogram.reset();
    this.#lastTakenMs = nowMs;
    return Math.max(0, p99Ms, lateMs);
  }
}
