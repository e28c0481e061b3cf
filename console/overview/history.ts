import { read } from '../api.ts';

export const COUNTS = ['connections', 'messages', 'deliveries', 'errors'] as const;

export type Values = readonly (number | null)[];
export type Counts = Readonly<Record<(typeof COUNTS)[number], Values>>;

/** Answer of `/history`: one value for each step. */
export interface History {
  readonly stepMs: number;
  readonly fromMs: number;
  readonly points: number;
  readonly loopDelayMs: Values;
  readonly memoryBytes: Values;
  readonly p50Ms: Values;
  readonly p99Ms: Values;
  readonly apps: Readonly<Record<string, Counts>>;
}

/** Reads the steps that are not known yet, and returns the steps of the last hours. */
export async function readHistory(known: History | undefined): Promise<History> {
  if (known === undefined) return (await read('/history')) as History;
  const since = known.fromMs + known.points * known.stepMs;
  const added = (await read(`/history?since=${since}`)) as History;
  // A step was forgotten meanwhile, or the clock was set.
  return added.fromMs === since || added.points === 0
    ? joined(known, added)
    : ((await read('/history')) as History);
}

function joined(known: History, added: History): History {
  const keep = (before: Values | undefined, after: Values | undefined): Values =>
    [...(before ?? empty(known)), ...(after ?? empty(added))].slice(added.points);
  const apps = new Set([...Object.keys(known.apps), ...Object.keys(added.apps)]);
  return {
    ...known,
    fromMs: known.fromMs + added.points * known.stepMs,
    loopDelayMs: keep(known.loopDelayMs, added.loopDelayMs),
    memoryBytes: keep(known.memoryBytes, added.memoryBytes),
    p50Ms: keep(known.p50Ms, added.p50Ms),
    p99Ms: keep(known.p99Ms, added.p99Ms),
    apps: Object.fromEntries(
      [...apps].map((app) => [
        app,
        countsOf((name) => keep(known.apps[app]?.[name], added.apps[app]?.[name])),
      ]),
    ),
  };
}

const empty = ({ points }: History): Values => Array<null>(points).fill(null);

const countsOf = (of: (name: (typeof COUNTS)[number]) => Values): Counts =>
  Object.fromEntries(COUNTS.map((name) => [name, of(name)])) as Counts;

/** Counts of one app, or the sums of all. */
export function countsFor(history: History, app: string): Counts {
  const chosen = Object.entries(history.apps).filter(([id]) => app === '' || id === app);
  return countsOf((name) =>
    history.memoryBytes.map((measured, step) =>
      measured === null ? null : chosen.reduce((sum, [, counts]) => sum + (counts[name][step] ?? 0), 0),
    ),
  );
}

/** Counts of a step as counts of a second. */
export const perSecond = (values: Values, { stepMs }: History): Values =>
  values.map((value) => (value === null ? null : (value * 1000) / stepMs));

export const lastOf = (values: Values): number | undefined =>
  values.findLast((value): value is number => value !== null);
