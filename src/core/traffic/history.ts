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

/** Steps of one process. `null`: it did not measure then. */
export interface HistoryPart {
  readonly loopDelayMs: readonly (number | null)[];
  readonly memoryBytes: readonly (number | null)[];
  /** Deliveries by their latency: the counts of a histogram. */
  readonly latency: readonly (readonly number[] | null)[];
  /** By app, the counts of each step one after the other, in the order of `HISTORY_COUNTS`. */
  readonly apps: Readonly<Record<string, readonly number[]>>;
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
const BUCKETS = new Histogram().counts.length;

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
  readonly #latency = new Uint32Array(HISTORY_STEPS * BUCKETS);
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
    this.#latency.set(differences(latency, this.#latencyBefore), at * BUCKETS);
    this.#latencyBefore = latency;
    for (const [app, counts] of traffic.apps()) this.#addApp(app, countsOf(counts), at);
  }

  /** The steps from one number to another, both included. */
  read(from: number, to: number): HistoryPart {
    const steps = Array.from({ length: Math.max(0, to - from + 1) }, (_, index) => from + index);
    const places = steps.map((step) =>
      this.#steps[step % HISTORY_STEPS] === step ? step % HISTORY_STEPS : -1,
    );
    const each = <T>(read: (at: number) => T): (T | null)[] => places.map((at) => (at < 0 ? null : read(at)));
    return {
      loopDelayMs: each((at) => this.#process[at * 2] ?? 0),
      memoryBytes: each((at) => this.#process[at * 2 + 1] ?? 0),
      latency: each((at) => [...this.#latency.subarray(at * BUCKETS, (at + 1) * BUCKETS)]),
      apps: Object.fromEntries([...this.#apps].map(([app, ring]) => [app, countsAt(ring, places)])),
    };
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

const countsAt = (ring: Float64Array, places: readonly number[]): number[] =>
  places.flatMap((at) => (at < 0 ? ZEROS : [...ring.subarray(at * WIDTH, (at + 1) * WIDTH)]));

const ZEROS: readonly number[] = HISTORY_COUNTS.map(() => 0);

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
