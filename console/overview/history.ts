import { pathOf, read } from '../api.ts';

export type Values = readonly (number | null)[];

/** Answer of `/history`: one value for each step. */
export interface History {
  readonly stepMs: number;
  readonly fromMs: number;
  readonly points: number;
  /** Apps that have had traffic. */
  readonly apps: readonly string[];
  /** Counts of the chosen app, or of all. */
  readonly counts: Readonly<Record<'connections' | 'messages' | 'deliveries' | 'errors', Values>>;
  readonly loopDelayMs: Values;
  readonly memoryBytes: Values;
  readonly p50Ms: Values;
  readonly p99Ms: Values;
}

/** Whose traffic is shown. `app`: empty for all; `node`: empty for this server. */
interface Wanted {
  readonly app: string;
  readonly node: string;
}

/** Makes what reads the steps that are not known yet, and returns the steps of the last hours. */
export const historyReader =
  (wanted: Wanted) =>
  async (known: History | undefined): Promise<History> => {
    if (known === undefined) return ask(wanted, 0);
    const since = known.fromMs + known.points * known.stepMs;
    const added = await ask(wanted, since);
    // A step was forgotten meanwhile, or the clock was set.
    return added.fromMs === since || added.points === 0 ? joined(known, added) : ask(wanted, 0);
  };

const ask = async ({ app, node }: Wanted, since: number): Promise<History> =>
  (await read(pathOf('/history', { since, app, node }))) as History;

function joined(known: History, added: History): History {
  const keep = (before: Values, after: Values): Values => [...before, ...after].slice(added.points);
  const [before, after] = [known.counts, added.counts];
  return {
    ...added,
    points: known.points,
    fromMs: known.fromMs + added.points * known.stepMs,
    counts: {
      connections: keep(before.connections, after.connections),
      messages: keep(before.messages, after.messages),
      deliveries: keep(before.deliveries, after.deliveries),
      errors: keep(before.errors, after.errors),
    },
    loopDelayMs: keep(known.loopDelayMs, added.loopDelayMs),
    memoryBytes: keep(known.memoryBytes, added.memoryBytes),
    p50Ms: keep(known.p50Ms, added.p50Ms),
    p99Ms: keep(known.p99Ms, added.p99Ms),
  };
}

/** Counts of a step as counts of a second. */
export const perSecond = (values: Values, { stepMs }: History): Values =>
  values.map((value) => (value === null ? null : (value * 1000) / stepMs));

export const lastOf = (values: Values): number | undefined =>
  values.findLast((value): value is number => value !== null);
