import { DURATION_BOUNDS_SECONDS } from '../util/histogram.ts';
import { HISTORY_COUNTS, HISTORY_STEP_MS, type HistoryPart } from './history.ts';

type Values = (number | null)[];
type CountName = (typeof HISTORY_COUNTS)[number];

/** Answer of `GET /admin/history` (SPEC 16.4). */
export interface History {
  readonly stepMs: number;
  /** Beginning of the first step. */
  readonly fromMs: number;
  readonly points: number;
  readonly loopDelayMs: Values;
  readonly memoryBytes: Values;
  readonly p50Ms: Values;
  readonly p99Ms: Values;
  readonly apps: Readonly<Record<string, Readonly<Record<CountName, Values>>>>;
}

/** Merges the steps of all processes: sums, the longest delay of an event loop, and the latency of all deliveries together. */
export function mergeHistory(parts: readonly HistoryPart[], from: number, points: number): History {
  const steps = Array.from({ length: points }, (_, step) => step);
  const isMeasured = steps.map((step) =>
    parts.some(({ memoryBytes }) => typeof memoryBytes[step] === 'number'),
  );
  const each = (read: (step: number) => number | null): Values =>
    steps.map((step) => (isMeasured[step] === true ? read(step) : null));
  const sum = (of: (part: HistoryPart) => number | null | undefined): number =>
    parts.reduce((total, part) => total + (of(part) ?? 0), 0);
  const latency = steps.map((step) => mergeCounts(parts.map((part) => part.latency[step] ?? [])));
  const apps = new Set(parts.flatMap((part) => Object.keys(part.apps)));
  return {
    stepMs: HISTORY_STEP_MS,
    fromMs: from * HISTORY_STEP_MS,
    points,
    loopDelayMs: each((step) => Math.max(...parts.map(({ loopDelayMs }) => loopDelayMs[step] ?? 0))),
    memoryBytes: each((step) => sum(({ memoryBytes }) => memoryBytes[step])),
    p50Ms: each((step) => quantileMs(latency[step] ?? [], 0.5)),
    p99Ms: each((step) => quantileMs(latency[step] ?? [], 0.99)),
    apps: Object.fromEntries(
      [...apps].map((app) => [
        app,
        countsByName(
          (place, step) => sum((part) => part.apps[app]?.[step * HISTORY_COUNTS.length + place]),
          each,
        ),
      ]),
    ),
  };
}

const countsByName = (
  count: (place: number, step: number) => number,
  each: (read: (step: number) => number) => Values,
): Record<CountName, Values> =>
  Object.fromEntries(
    HISTORY_COUNTS.map((name, place) => [name, each((step) => count(place, step))]),
  ) as Record<CountName, Values>;

const mergeCounts = (all: readonly (readonly number[])[]): number[] =>
  all.reduce<number[]>(
    (sum, counts) => (counts.length === 0 ? sum : counts.map((count, at) => count + (sum[at] ?? 0))),
    [],
  );

/** Upper bound of the bucket that has the quantile; `null`: nothing was measured. */
export function quantileMs(counts: readonly number[], quantile: number): number | null {
  const total = counts.reduce((sum, count) => sum + count, 0);
  if (total === 0) return null;
  let seen = 0;
  const at = counts.findIndex((count) => (seen += count) >= quantile * total);
  const seconds = DURATION_BOUNDS_SECONDS[at] ?? DURATION_BOUNDS_SECONDS.at(-1) ?? 0;
  return Math.round(seconds * 10_000) / 10;
}
