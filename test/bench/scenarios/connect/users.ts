/** 500 users with two sockets each: a presence channel in which all of them receive every event, and a channel of each user. */
import type { Bench } from '../../bench.ts';
import type { Contestant } from '../../contestants.ts';
import type { Row } from '../../figures.ts';
import type { Load } from '../../load.ts';
import { corePercent, deliveriesPerSecond, latencies, medianOf, notMeasured, publish, row } from './row.ts';

const USERS = 500;
/** Events per second to all members. */
const ROOM_RATE = 20;
/** Events per second to the channel of one user. */
const PERSONAL_RATE = 500;
const CORES = 2;
const GOAL_PERCENT = 80;

export async function users(bench: Bench, wavehall: Contestant): Promise<Row[]> {
  const n = Math.floor(bench.socketsOn(wavehall, 2 * bench.scaled(USERS)) / 2);
  // Two generators work at the same time: neither may poll without a pause.
  const [room, personal] = [bench.load(wavehall, true), bench.load(wavehall, true)];
  const cells = {
    figure: `${n} users: ${ROOM_RATE} events/s to all, ${PERSONAL_RATE}/s to one of them`,
    unit: `% of ${CORES} cores`,
    atMost: GOAL_PERCENT,
  };
  try {
    const members = await room.run('open', { n, presence: 1 });
    const sockets = await personal.run('open', { n, channels: n });
    if (members.open < n || sockets.open < n)
      return [notMeasured(bench, cells, `sockets failed; ${members.firstError || sockets.firstError}`)];
    return [await measure(bench, wavehall.pid, { room, personal }, cells)];
  } finally {
    await Promise.all([room.close(), personal.close()]);
  }
}

/** Reads the CPU time of the server once: the interval of the room covers both streams of events. */
async function measure(
  bench: Bench,
  pid: number,
  { room, personal }: { room: Load; personal: Load },
  cells: Pick<Row, 'figure' | 'unit' | 'atMost'>,
): Promise<Row> {
  const [toAll, toOne] = await Promise.all([
    publish(bench, room, { rate: ROOM_RATE }, pid),
    publish(bench, personal, { rate: PERSONAL_RATE }, 0),
  ]);
  const percent = corePercent(pid, toAll.rounds);
  const late = Math.max(toAll.behind, toOne.behind);
  const fault =
    toAll.fault ??
    toOne.fault ??
    (late > 0 ? `${late} deliveries did not arrive in time` : undefined) ??
    (percent === undefined ? 'its CPU is not shown' : undefined);
  if (fault !== undefined || percent === undefined) return notMeasured(bench, cells, fault ?? '');
  return row({
    ...cells,
    value: percent / CORES,
    more: {
      '% of one core': percent,
      'average ms to all': medianOf(toAll.rounds, ({ meanMs }) => meanMs),
      'average ms to one': medianOf(toOne.rounds, ({ meanMs }) => meanMs),
      ...latencies(toAll.rounds),
      'deliveries/s to all': deliveriesPerSecond(toAll.rounds),
    },
    note: 'one process, which can use about one core',
  });
}
