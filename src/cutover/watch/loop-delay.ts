import { type IntervalHistogram, monitorEventLoopDelay, performance } from 'node:perf_hooks';

const RESOLUTION_MS = 20;

/** How late the event loop of this process is (SPEC 11.14). */
export class LoopDelay {
  readonly #histogram: IntervalHistogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  #askedAtMs = 0;

  start(): void {
    this.#histogram.enable();
    this.#askedAtMs = performance.now();
  }

  stop(): void {
    this.#histogram.disable();
  }

  /**
   * The slowest hundredth since the last time that it was asked, in milliseconds. Whoever asks says how often he means
   * to: that he comes late himself is a delay too, which the histogram may miss when it is emptied at that moment.
   */
  takeMs(everyMs: number): number {
    const nowMs = performance.now();
    const lateMs = nowMs - this.#askedAtMs - everyMs;
    const p99Ms = this.#histogram.count === 0 ? 0 : this.#histogram.percentile(99) / 1e6 - RESOLUTION_MS;
    this.#histogram.reset();
    this.#askedAtMs = nowMs;
    return Math.max(0, p99Ms, lateMs);
  }
}
