import { Histogram } from '../util/histogram.ts';
import type { Tally } from '../util/tally.ts';
import type { AppTraffic } from './app-traffic.ts';
import type { Traffic } from './traffic.ts';

/** Time of one step, and the steps that are kept: three hours. */
export const HISTORY_STEP_MS = 10_000;
export const HISTORY_STEPS = 1080;

/** Counts of an app in a step: connections are those at its end, all others are of the step alone. */
export const HISTORY_COUNTS = ['connections', 'messages', 'deliveries', 'errors'] as const;

/** State of the process in a step. */
export interface ProcessSample {
  readonly loopDelayMs: number;
  readonly memoryBytes: number;
}

/** Steps of one process, each value after the other; 0 where it did not measure. Flat, so that a read of three hours takes no time. */
export interface HistoryPart {
  /** 1 for a step that was measured. */
  readonly measured: readonly number[];
  readonly loopDelayMs: readonly number[];
  readonly memoryBytes: readonly number[];
  /** Deliveries by their latency: of each step the counts of a histogram. */
  readonly latency: readonly number[];
  /** Of each step the counts of the chosen app, or of all together, in the order of `HISTORY_COUNTS`. */
  readonly counts: readonly number[];
  /** Apps that have had traffic. */
  readonly apps: readonly string[];
}

/** Steps that are asked for, both included. `app`: that one; not given: all. */
export interface HistoryQuery {
  readonly from: number;
  readonly to: number;
  readonly app?: string | undefined;
}

export interface HistoryDeps {
  readonly traffic: Pick<Traffic, 'apps' | 'latency'>;
  /** Reads the state of the process since the last call. */
  readonly measure: () => ProcessSample;
  readonly clock: () => number;
  /** False when this process stops: nothing is measured any more. */
  readonly isOpen: () => boolean;
}

const WIDTH = HISTORY_COUNTS.length;
/** Counts of a histogram of latency. */
export const LATENCY_COUNTS = new Histogram().counts.length;

/** Number of the step that is the last one to have ended. */
export const lastStepAt = (nowMs: number): number => Math.floor(nowMs / HISTORY_STEP_MS) - 1;

/**
 * Traffic of this node in steps of ten seconds, as the difference of counts that exist anyway. Bounded: rings of fixed size, one for
 * each app that is counted by its name and has had traffic.
 */
export class TrafficHistory {
  readonly #deps: HistoryDeps;
  /** Number of the step at each place of the rings; 0: none. */
  readonly #steps = new Float64Array(HISTORY_STEPS);
  readonly #process = new Float64Array(HISTORY_STEPS * 2);
  readonly #latency = new Uint32Array(HISTORY_STEPS * LATENCY_COUNTS);
  readonly #apps = new Map<string, Float64Array>();
  readonly #before = new Map<string, readonly number[]>();
  #latencyBefore: readonly number[] = [];

  constructor(deps: HistoryDeps) {
    this.#deps = deps;
  }

  /** Measures at the end of each step, at the same time as all processes of the machine, until the process stops. */
  start(): void {
    const { clock, isOpen } = this.#deps;
    const leftMs = HISTORY_STEP_MS - (clock() % HISTORY_STEP_MS);
    setTimeout(() => {
      if (!isOpen()) return;
      this.measure();
      this.start();
    }, leftMs + 1).unref();
  }

  /** Adds the step that has just ended. */
  measure(): void {
    const { traffic, measure, clock } = this.#deps;
    const step = lastStepAt(clock());
    const at = step % HISTORY_STEPS;
    this.#steps[at] = step;
    const { loopDelayMs, memoryBytes } = measure();
    this.#process.set([loopDelayMs, memoryBytes], at * 2);
    const latency = [...traffic.latency.histogram.counts];
    this.#latency.set(differences(latency, this.#latencyBefore), at * LATENCY_COUNTS);
    this.#latencyBefore = latency;
    for (const [app, counts] of traffic.apps()) this.#addApp(app, countsOf(counts), at);
  }

  read({ from, to, app }: HistoryQuery): HistoryPart {
    const rings = app === undefined ? [...this.#apps.values()] : [this.#apps.get(app) ?? []];
    const length = Math.max(0, to - from + 1);
    const zeros = (width: number): number[] => Array<number>(length * width).fill(0);
    const measured = zeros(1);
    const [loopDelayMs, memoryBytes] = [zeros(1), zeros(1)];
    const [latency, counts] = [zeros(LATENCY_COUNTS), zeros(WIDTH)];
    for (let index = 0; index < length; index += 1) {
      const at = (from + index) % HISTORY_STEPS;
      if (this.#steps[at] !== from + index) continue;
      measured[index] = 1;
      loopDelayMs[index] = this.#process[at * 2] ?? 0;
      memoryBytes[index] = this.#process[at * 2 + 1] ?? 0;
      addAt(latency, index, this.#latency, at, LATENCY_COUNTS);
      for (const ring of rings) addAt(counts, index, ring, at, WIDTH);
    }
    return { measured, loopDelayMs, memoryBytes, latency, counts, apps: [...this.#apps.keys()] };
  }

  #addApp(app: string, totals: readonly number[], at: number): void {
    const before = this.#before.get(app) ?? [];
    this.#before.set(app, totals);
    let ring = this.#apps.get(app);
    if (ring === undefined && totals.every((count) => count === 0)) return;
    if (ring === undefined) this.#apps.set(app, (ring = new Float64Array(HISTORY_STEPS * WIDTH)));
    const [connections = 0, ...others] = totals;
    ring.set([connections, ...differences(others, before.slice(1))], at * WIDTH);
  }
}

const differences = (now: readonly number[], before: readonly number[]): number[] =>
  now.map((count, index) => Math.max(0, count - (before[index] ?? 0)));

/** Adds the values of one place of a ring to those of a step. */
function addAt(sums: number[], step: number, ring: ArrayLike<number>, at: number, width: number): void {
  for (let each = 0; each < width; each += 1)
    sums[step * width + each] = (sums[step * width + each] ?? 0) + (ring[at * width + each] ?? 0);
}

/** Counts since the start, in the order of `HISTORY_COUNTS`. */
const countsOf = (of: AppTraffic): number[] => [
  sumOf(of.connections),
  sumOf(of.published),
  of.deliveries,
  sumOf(of.refused) + sumOf(of.subscriptionsRefused) + of.apiOverRate,
];

function sumOf(tally: Tally): number {
  let sum = 0;
  for (const [, count] of tally.entries()) sum += count;
  return sum;
}
