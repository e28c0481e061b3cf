/** Rows of the scenario `connect`, and the parts that its measurements share. */
import type { Bench } from '../../bench.ts';
import { median, type Row } from '../../figures.ts';
import type { FannedOut, Load } from '../../load.ts';

type Cells = Pick<Row, 'figure' | 'value' | 'unit'> & Partial<Row>;

export const row = (cells: Cells): Row => ({ scenario: 'connect', server: 'Wavehall', ...cells });

/** A row whose figure could not be measured: it has no value, so it meets no goal. */
export function notMeasured(bench: Bench, cells: Omit<Cells, 'value'>, reason: string): Row {
  bench.leaveOut(cells.figure, reason);
  return row({ ...cells, value: undefined, note: `not measured: ${reason}` });
}

/** Time after a round in which late deliveries still arrive; they count as late, not as lost. */
const GRACE_SECONDS = 10;
/** Events of a round, however short it is. */
const MIN_EVENTS = 3;

/** Parameters of a publication on schedule. */
export interface Schedule {
  readonly rate: number;
  readonly batch?: number;
}

export interface Published {
  readonly rounds: readonly FannedOut[];
  /** The first reason for which a round does not count; `undefined` if all of them do. */
  readonly fault: string | undefined;
  /** Most deliveries of a round that were still on their way when it was given up. */
  readonly behind: number;
}

/** Publishes on schedule in few but long turns: latency grows for as long as a server is behind. */
export async function publish(
  bench: Bench,
  load: Load,
  { rate, batch = 0 }: Schedule,
  pid: number,
): Promise<Published> {
  const seconds = Math.max(bench.sizes.seconds * 2.5, MIN_EVENTS / rate);
  const rounds: FannedOut[] = [];
  for (let round = 0; round < Math.ceil(bench.sizes.rounds / 2); round += 1)
    rounds.push(
      await load.run('fanout', {
        rate,
        batch,
        seconds,
        warmup: seconds / 4,
        grace: GRACE_SECONDS,
        pids: pid,
      }),
    );
  const behind = Math.max(...rounds.map(({ missing }) => missing));
  return { rounds, fault: rounds.map(faultOf).find((each) => each !== undefined), behind };
}

function faultOf({ deliveries, refused, lost, firstError }: FannedOut): string | undefined {
  if (deliveries === 0) return 'nothing was delivered';
  if (refused + lost > 0) return `${refused + lost} requests failed; ${firstError}`;
  return undefined;
}

export const medianOf = (
  rounds: readonly FannedOut[],
  of: (result: FannedOut) => number,
): number | undefined => median(rounds.map(of));

/** CPU time of the server in % of one core; `undefined` where it is not shown. */
export const corePercent = (pid: number, rounds: readonly FannedOut[]): number | undefined =>
  pid === 0 ? undefined : medianOf(rounds, ({ serverUs, seconds }) => serverUs / seconds / 1e4);

/** Latencies of a publication, to stand beside its value. */
export const latencies = (rounds: readonly FannedOut[]): Readonly<Record<string, number | undefined>> => ({
  'p50 ms': medianOf(rounds, ({ p50Ms }) => p50Ms),
  'p99 ms': medianOf(rounds, ({ p99Ms }) => p99Ms),
});

/** Use of the cores of server and generator. */
export const coreUse = (
  pid: number,
  rounds: readonly FannedOut[],
): Readonly<Record<string, number | undefined>> => ({
  'server % of a core': corePercent(pid, rounds),
  'generator %': medianOf(rounds, ({ ownUs, seconds }) => ownUs / seconds / 1e4),
});

export const deliveriesPerSecond = (rounds: readonly FannedOut[]): number | undefined =>
  medianOf(rounds, ({ inTime, seconds }) => inTime / seconds);
