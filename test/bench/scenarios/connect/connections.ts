/** 1,000 and 10,000 connections: how many fail, how long connecting takes, the latency of deliveries to all of them, and the memory. */
import { readFileSync } from 'node:fs';
import { sleep } from '../../../../src/core/util/time.ts';
import type { Bench } from '../../bench.ts';
import type { Contestant } from '../../contestants.ts';
import type { Row } from '../../figures.ts';
import type { Load, Opened } from '../../load.ts';
import { coreUse, deliveriesPerSecond, latencies, medianOf, notMeasured, publish, row } from './row.ts';

interface Crowd {
  readonly wanted: number;
  /** Channels over which the connections are distributed. */
  readonly channels: number;
  /** Events per second, each to one of the channels. */
  readonly rate: number;
  /** True: only the latency, because another crowd of this size has the other figures. */
  readonly isRepeated?: boolean;
}

/** Each receives 20,000 deliveries per second. */
const CROWDS: readonly Crowd[] = [
  { wanted: 1000, channels: 1, rate: 20 },
  { wanted: 10_000, channels: 100, rate: 200 },
  { wanted: 10_000, channels: 1, rate: 2, isRepeated: true },
];
const MANY = 10_000;

const GOAL_FAILED_PERCENT = 0.1;
const GOAL_MEAN_MS = 50;
/** 1 GB. */
const GOAL_MB = 1000;

export async function connections(bench: Bench, wavehall: Contestant): Promise<Row[]> {
  const rows: Row[] = [];
  for (const crowd of CROWDS) rows.push(...(await measure(bench, wavehall, crowd)));
  return rows;
}

async function measure(bench: Bench, wavehall: Contestant, crowd: Crowd): Promise<Row[]> {
  const n = bench.socketsOn(wavehall, bench.scaled(crowd.wanted));
  const load = bench.load(wavehall);
  const { pid } = wavehall;
  try {
    const kernelBeforeKib = kernelKib();
    const opened = await load.run('open', { n, channels: crowd.channels, pids: pid });
    await sleep(bench.sizes.seconds * 1000);
    const delivery =
      opened.open === n
        ? await deliveryRow(bench, pid, n, crowd, load)
        : notMeasured(bench, deliveryCells(n, crowd), `${n - opened.open} connections failed`);
    if (crowd.isRepeated === true) return [delivery];
    const memory = crowd.wanted === MANY ? memoryRow(bench, pid, n, kernelBeforeKib) : [];
    return [...connectRows(n, opened, pid), delivery, ...memory];
  } finally {
    await load.close();
  }
}

function connectRows(n: number, opened: Opened, pid: number): Row[] {
  const failed = n - opened.open;
  const { meanMs, p99Ms, seconds, serverUs, firstError } = opened;
  return [
    row({
      figure: `${n} connections: failed`,
      value: (100 * failed) / n,
      unit: '%',
      atMost: GOAL_FAILED_PERCENT,
      more: { failed },
      note: firstError === '' ? undefined : firstError,
    }),
    row({
      figure: `${n} connections: connect and subscribe`,
      value: meanMs,
      unit: 'ms, average',
      more: {
        'p99 ms': p99Ms,
        'connections/s': opened.open / seconds,
        'server us each': pid === 0 ? undefined : serverUs / n,
      },
      note: '64 at a time',
    }),
  ];
}

const deliveryCells = (n: number, { channels, rate }: Crowd) => ({
  figure: `${n} connections: ${rate} events/s to ${channels === 1 ? 'all' : `1 of ${channels} channels each`}`,
  unit: 'ms, average',
  atMost: GOAL_MEAN_MS,
});

async function deliveryRow(bench: Bench, pid: number, n: number, crowd: Crowd, load: Load): Promise<Row> {
  const cells = deliveryCells(n, crowd);
  const { rounds, fault, behind } = await publish(bench, load, { rate: crowd.rate }, pid);
  if (fault !== undefined) return notMeasured(bench, cells, fault);
  if (behind > 0) return notMeasured(bench, cells, `${behind} deliveries did not arrive in time`);
  const more = {
    ...latencies(rounds),
    'deliveries/s': deliveriesPerSecond(rounds),
    ...coreUse(pid, rounds),
  };
  return row({ ...cells, value: medianOf(rounds, ({ meanMs }) => meanMs), more });
}

/** Memory of the whole process after these deliveries, without a forced garbage collection. */
function memoryRow(bench: Bench, pid: number, n: number, kernelBeforeKib: number | undefined): Row[] {
  const cells = { figure: `${n} connections: memory of the process`, unit: 'MB', atMost: GOAL_MB };
  if (pid === 0) return [notMeasured(bench, cells, 'there is no /proc to read it from')];
  const kernelKibNow = kernelKib();
  const pairs =
    kernelKibNow === undefined || kernelBeforeKib === undefined
      ? undefined
      : (kernelKibNow - kernelBeforeKib) / n;
  return [
    row({
      ...cells,
      value: rssMb(pid),
      more: { 'kernel KiB of a connection, both ends': pairs },
    }),
  ];
}

const field = (file: string, name: string): number | undefined => {
  const found = new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(readFileSync(file, 'utf8'))?.[1];
  return found === undefined ? undefined : Number(found);
};

const rssMb = (pid: number): number => ((field(`/proc/${pid}/status`, 'VmRSS') ?? NaN) * 1024) / 1e6;

/** Memory that the kernel uses for its own structures, sockets among them. */
function kernelKib(): number | undefined {
  try {
    return field('/proc/meminfo', 'Slab');
  } catch {
    return undefined;
  }
}
