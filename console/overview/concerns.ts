import { numberOf, plural, timeOf } from '../format.ts';
import type { Section, ServerStatus } from './status.tsx';

/** A limit that was reached longer ago is no concern. */
const RECENT_MS = 15 * 60_000;

interface Concern {
  readonly text: string;
  /** View that has more of it. */
  readonly view?: string;
}

interface Limit {
  readonly limit: string;
  readonly count: number;
  readonly last: string;
}

interface Endpoint {
  readonly endpoint: string;
  readonly state: string;
  readonly waiting: number;
  readonly lastReason?: string;
}

/** Sections of all workers of this name. */
const sectionsOf = ({ workers }: ServerStatus, name: string): readonly Section[] =>
  workers.map((worker) => worker[name]).filter((section) => section !== undefined);

/** All that an operator should look at, the most urgent first. */
export function concernsOf(status: ServerStatus, nowMs: number): readonly Concern[] {
  const redis = sectionsOf(status, 'redis');
  const isRedisAway = redis.some(({ ready, problem }) => ready === false || problem !== undefined);
  return [
    ...(isRedisAway
      ? [
          {
            text: 'Redis does not answer: what this server publishes does not reach the other nodes, and what they do is not shown.',
          },
        ]
      : []),
    ...warningsOf(status),
    ...limitsOf(status, nowMs),
    ...failingOf(status),
    ...cutoverOf(status),
  ];
}

const warningsOf = (status: ServerStatus): Concern[] =>
  [...new Set(sectionsOf(status, 'node').flatMap(({ warnings = [] }) => warnings as string[]))].map(
    (text) => ({
      text,
    }),
  );

/** Limits that any worker has reached lately, with all of their counts. */
function limitsOf(status: ServerStatus, nowMs: number): Concern[] {
  const found = new Map<string, { count: number; lastMs: number }>();
  for (const { reached = [] } of sectionsOf(status, 'limits'))
    for (const { limit, count, last } of reached as Limit[]) {
      const known = found.get(limit) ?? { count: 0, lastMs: 0 };
      found.set(limit, { count: known.count + count, lastMs: Math.max(known.lastMs, Date.parse(last)) });
    }
  return [...found]
    .filter(([, { lastMs }]) => lastMs > nowMs - RECENT_MS)
    .map(([limit, { count, lastMs }]) => ({
      text: `The limit ${limit} was reached ${plural(count, 'time')} since the start, the last time at ${timeOf(lastMs)}.`,
    }));
}

/** Endpoints of webhooks that fail on any worker. */
function failingOf(status: ServerStatus): Concern[] {
  const all = sectionsOf(status, 'webhooks').flatMap(({ endpoints = [] }) => endpoints as Endpoint[]);
  const failing = new Map(
    all.filter(({ state }) => state === 'failing').map((each) => [each.endpoint, each] as const),
  );
  return [...failing.values()].map(({ endpoint, waiting, lastReason }) => ({
    text: `The webhook endpoint ${endpoint} fails${lastReason === undefined ? '' : ` (${lastReason})`}: ${plural(waiting, 'event')} ${waiting === 1 ? 'waits' : 'wait'}.`,
    view: 'webhooks',
  }));
}

const cutoverOf = (status: ServerStatus): Concern[] =>
  [...new Set(sectionsOf(status, 'cutover').flatMap(({ overLimit = [] }) => overLimit as string[]))].map(
    (text) => ({ text: `Cutover, over its limit: ${text}`, view: 'cutover' }),
  );

/** A cutover in a few words; `undefined`: there is none. */
export function cutoverText(status: ServerStatus): string | undefined {
  const sections = sectionsOf(status, 'cutover');
  const [first] = sections;
  if (first === undefined) return undefined;
  const sum = (name: string): string =>
    numberOf(sections.reduce((total, each) => total + Number(each[name] ?? 0), 0));
  return `${String(first['percent'])} %: ${sum('clientsHere')} here, ${sum('clientsAtUpstream')} at upstream`;
}
