import { DURATION_BOUNDS_SECONDS } from '../util/histogram.ts';
import type { HistoryAnswer } from './history-question.ts';
import { HISTORY_COUNTS, HISTORY_STEP_MS, type HistoryPart, LATENCY_COUNTS } from './history.ts';

const ROW_FIGURES = [...HISTORY_COUNTS, 'p50Ms', 'p99Ms', 'loopDelayMs', 'memoryBytes'] as const;

type Values = readonly (number | null)[];

/** Answer of `GET /admin/history` (SPEC 17.4). */
export interface History {
  readonly stepMs: number;
  /** Beginning of the first step. */
  readonly fromMs: number;
  readonly points: number;
  /** Apps that have had traffic. */
  readonly apps: readonly string[];
  readonly counts: Readonly<Record<(typeof HISTORY_COUNTS)[number], Values>>;
  readonly loopDelayMs: Values;
  readonly memoryBytes: Values;
  readonly p50Ms: Values;
  readonly p99Ms: Values;
}

/** Merges the steps of all processes: sums, the longest delay of an event loop, and the latency of all deliveries together. */
export function mergeHistory(parts: readonly HistoryPart[], from: number, points: number): History {
  const measured = sumsOf(parts.map((part) => part.measured));
  const counts = sumsOf(parts.map((part) => part.counts));
  const latency = sumsOf(parts.map((part) => part.latency));
  const loops = parts.map(({ loopDelayMs }) => loopDelayMs);
  const memoryBytes = sumsOf(parts.map((part) => part.memoryBytes));
  const each = (read: (step: number) => number | null): Values =>
    Array.from({ length: points }, (_, step) => ((measured[step] ?? 0) > 0 ? read(step) : null));
  const column = (place: number): Values => each((step) => counts[step * HISTORY_COUNTS.length + place] ?? 0);
  const latencyMs = (quantile: number): Values =>
    each((step) => quantileMs(latency.slice(step * LATENCY_COUNTS, (step + 1) * LATENCY_COUNTS), quantile));
  return {
    stepMs: HISTORY_STEP_MS,
    fromMs: from * HISTORY_STEP_MS,
    points,
    apps: [...new Set(parts.flatMap(({ apps }) => apps))],
    counts: { connections: column(0), messages: column(1), deliveries: column(2), errors: column(3) },
    loopDelayMs: each((step) => Math.max(...loops.map((delays) => delays[step] ?? 0))),
    memoryBytes: each((step) => memoryBytes[step] ?? 0),
    p50Ms: latencyMs(0.5),
    p99Ms: latencyMs(0.99),
  };
}

/** One process in its newest step; `null`: it did not measure. */
export interface NodeRow extends Omit<HistoryAnswer, 'process' | 'part'> {
  readonly figures: Readonly<Record<(typeof ROW_FIGURES)[number], number | null>>;
}

/** The processes in one step (SPEC 17.15), in the order of their hosts. */
export const nodeRows = (answers: readonly HistoryAnswer[], step: number): NodeRow[] =>
  answers
    .map(({ node, host, pid, part }) => ({ node, host, pid, figures: figuresOf(part, step) }))
    .sort((one, other) => (one.host === other.host ? one.pid - other.pid : one.host < other.host ? -1 : 1));

function figuresOf(part: HistoryPart | undefined, step: number): NodeRow['figures'] {
  const { counts, ...values } = mergeHistory(part === undefined ? [] : [part], step, 1);
  const of = { ...counts, ...values };
  return Object.fromEntries(ROW_FIGURES.map((name) => [name, of[name][0] ?? null])) as NodeRow['figures'];
}

/** Sums of the values at the same place. */
function sumsOf(lists: readonly (readonly number[])[]): number[] {
  const sums: number[] = [];
  for (const list of lists)
    for (let at = 0; at < list.length; at += 1) sums[at] = (sums[at] ?? 0) + (list[at] ?? 0);
  return sums;
}

/** Upper bound of the bucket that has the quantile; `null`: nothing was measured. */
export function quantileMs(counts: readonly number[], quantile: number): number | null {
  let total = 0;
  for (const count of counts) total += count;
  if (total === 0) return null;
  let seen = 0;
  const at = counts.findIndex((count) => (seen += count) >= quantile * total);
  const seconds = DURATION_BOUNDS_SECONDS[at] ?? DURATION_BOUNDS_SECONDS.at(-1) ?? 0;
  return Math.round(seconds * 10_000) / 10;
}
