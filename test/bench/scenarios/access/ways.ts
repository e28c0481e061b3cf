/** Kinds of requests to servers, which are measured in the same rounds, each beside others. */
import type { Bench } from '../../bench.ts';
import { cpuUs, quantile } from '../../cluster/bench-cluster.ts';
import { compare, median, type Row } from '../../figures.ts';
import { interleave, type MeasuredServer } from '../../rounds.ts';
import type { TurnResult } from '../../rows.ts';
import type { MeasuredRedis } from '../measured-redis.ts';
import { closedLoop, type NextRequest } from './closed-loop.ts';

/** One kind of request to one server. */
export interface Way extends MeasuredServer {
  readonly figure: string;
  readonly redis?: MeasuredRedis | undefined;
  /** Prepares the requests of one turn. */
  prepare(): NextRequest | Promise<NextRequest>;
  /** A number of the server that each request of this kind raises by one; a round in which it does not is left out. */
  readonly counted?: () => Promise<number>;
  /** Ways with which its cost is compared, and their names in the ratios. */
  readonly beside: readonly (readonly [name: string, way: Way])[];
}

/** Requests at once; as many as the gateway sends to Laravel at once. */
const AT_ONCE = 10;
/** Part of a turn in which one request at a time is sent, for its latency. */
const ALONE = 0.5;
/** Turns before all rounds, in which a server compiles its code. */
const WARM_TURNS = 3;

export async function measureWays(bench: Bench, scenario: string, ways: readonly Way[]): Promise<Row[]> {
  const warmTurns = Math.round(WARM_TURNS * bench.sizes.scale);
  for (const way of ways) for (let each = 0; each < warmTurns; each += 1) await turn(bench, way);
  const results = await interleave(bench, ways, (way) => turn(bench, way));
  const valuesOf = (way: Way) => (results.get(way) ?? []).map((result) => result?.value);
  return ways.map((way): Row => {
    const rounds = results.get(way) ?? [];
    const names = Object.keys(rounds.find((result) => result !== undefined)?.more ?? {});
    return {
      scenario,
      figure: way.figure,
      server: way.contestant.name,
      value: median(valuesOf(way)),
      unit: 'us/request',
      against: compare(
        valuesOf(way),
        way.beside.map(([to, other]) => ({ to, rounds: valuesOf(other) })),
      ),
      more: Object.fromEntries(
        names.map((name) => [name, median(rounds.map((result) => result?.more?.[name]))]),
      ),
    };
  });
}

/** CPU time of a request among others, and latency of one that is alone. */
async function turn(bench: Bench, way: Way): Promise<TurnResult | undefined> {
  const { contestant, redis } = way;
  const { seconds } = bench.sizes;
  const next = await way.prepare();
  const before = await way.counted?.();
  const readUs = () => [contestant.pid, ...(redis === undefined ? [] : [redis.pid])].map(cpuUs);
  const many = await closedLoop(contestant.endpoint, next, { connections: AT_ONCE, seconds, readUs });
  const one = await closedLoop(contestant.endpoint, next, {
    connections: 1,
    seconds: seconds * ALONE,
    readUs,
  });
  const after = await way.counted?.();
  if (before !== undefined && after !== undefined && after - before !== many.sent + one.sent) {
    const counts = `${after - before} of ${many.sent + one.sent} requests`;
    bench.leaveOut(`a round of "${way.figure}" on ${contestant.name}`, `${counts} were of this kind`);
    return undefined;
  }
  const count = many.timesMs.length;
  const [serverUs = NaN, redisUs] = many.us.map((us) => us / count);
  return {
    value: serverUs,
    more: {
      ...(redisUs !== undefined && { 'Redis us': redisUs }),
      'requests/s': count / many.seconds,
      'p50 ms alone': quantile(one.timesMs, 0.5),
    },
  };
}
