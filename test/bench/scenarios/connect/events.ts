/** 10,000 events per second, each to one of 1,000 sockets: one per request, as Laravel publishes, and ten per request. */
import type { Bench } from '../../bench.ts';
import type { Contestant } from '../../contestants.ts';
import type { Row } from '../../figures.ts';
import type { Load } from '../../load.ts';
import {
  coreUse,
  deliveriesPerSecond,
  latencies,
  medianOf,
  notMeasured,
  publish,
  row,
  type Schedule,
} from './row.ts';

const SOCKETS = 1000;
const GOAL = 10_000;
/** Offered above the goal: what is still on its way when an interval ends does not count. */
const OFFERED = 10_500;
const BATCH = 10;

const WAYS: readonly (Schedule & { readonly name: string })[] = [
  { name: 'one per request', rate: OFFERED },
  { name: `${BATCH} per request`, rate: OFFERED / BATCH, batch: BATCH },
];

export async function events(bench: Bench, wavehall: Contestant): Promise<Row[]> {
  const n = bench.socketsOn(wavehall, bench.scaled(SOCKETS));
  const load = bench.load(wavehall);
  try {
    const { open, firstError } = await load.run('open', { n, channels: n });
    const rows: Row[] = [];
    for (const { name, ...schedule } of WAYS) {
      const cells = { figure: `events to 1 of ${n} sockets each, ${name}`, unit: 'events/s', atLeast: GOAL };
      rows.push(
        open === n
          ? await measure(bench, wavehall.pid, load, schedule, cells)
          : notMeasured(bench, cells, `${open} of ${n} sockets were opened; ${firstError}`),
      );
    }
    return rows;
  } finally {
    await load.close();
  }
}

/** Value: events that were delivered within the interval. */
async function measure(
  bench: Bench,
  pid: number,
  load: Load,
  schedule: Schedule,
  cells: Pick<Row, 'figure' | 'unit' | 'atLeast'>,
): Promise<Row> {
  const { rounds, fault, behind } = await publish(bench, load, schedule, pid);
  if (fault !== undefined) return notMeasured(bench, cells, fault);
  const more = {
    'average ms': medianOf(rounds, ({ meanMs }) => meanMs),
    ...latencies(rounds),
    ...coreUse(pid, rounds),
  };
  const note = behind > 0 ? `behind: ${behind} were on their way when it was given up` : undefined;
  return row({ ...cells, value: deliveriesPerSecond(rounds), more, note });
}
