/** Publishes events on schedule at rising rates; a server that cannot keep up is not measured at higher rates. */
import type { Bench, Scenario } from '../bench.ts';
import { median, type Row } from '../figures.ts';
import type { FannedOut } from '../load.ts';
import { type LoadedServer, openClients, closeClients } from '../rounds.ts';

const SOCKETS = 1000;
const RATES = [20, 40, 80, 160, 320, 640, 1280];
const GOAL_RATE = 320;
const GOAL_P99_MS = 50;
/** A server keeps up if it delivers this share in time and its p99 is below the limit. */
const MIN_IN_TIME_SHARE = 0.95;
const MAX_P99_MS = 1000;

export const openLoop: Scenario = {
  name: 'open-loop',
  title: 'Latency of deliveries at rising rates',
  async run(bench) {
    const contestants = bench.contestants.filter(({ role }) => role !== 'floor');
    const loadedServers = await openClients(bench, contestants, bench.scaled(SOCKETS));
    let running = loadedServers;
    const rows: Row[] = [];
    try {
      for (const rate of RATES) {
        if (running.length === 0) break;
        const results = await measureAtRate(bench, running, rate);
        rows.push(...[...results].map(([loaded, rounds]) => row(loaded, rate, rounds)));
        running = running.filter((loaded) => keepsUp(results.get(loaded) ?? []));
      }
    } finally {
      await closeClients(loadedServers);
    }
    return rows;
  },
};

/** Measures in few but long turns: latency grows for as long as a server is behind. */
async function measureAtRate(
  bench: Bench,
  loadedServers: readonly LoadedServer[],
  rate: number,
): Promise<Map<LoadedServer, FannedOut[]>> {
  const results = new Map<LoadedServer, FannedOut[]>(loadedServers.map((loaded) => [loaded, []]));
  const seconds = bench.sizes.seconds * 2.5;
  for (let round = 0; round < Math.ceil(bench.sizes.rounds / 2); round += 1) {
    for (const { contestant, load } of loadedServers) {
      const result = await load.run('fanout', { rate, seconds, warmup: seconds / 8, pids: contestant.pid });
      results.get(loadedServers.find((loaded) => loaded.load === load) as LoadedServer)?.push(result);
    }
  }
  return results;
}

const shareOf = ({ inTime, deliveries, missing }: FannedOut): number =>
  inTime / (deliveries + Math.max(0, missing));

const keepsUp = (rounds: readonly FannedOut[]): boolean =>
  (median(rounds.map(shareOf)) ?? 0) >= MIN_IN_TIME_SHARE &&
  (median(rounds.map(({ p99Ms }) => p99Ms)) ?? Infinity) < MAX_P99_MS;

function row({ contestant, sockets }: LoadedServer, rate: number, rounds: readonly FannedOut[]): Row {
  const medianOf = (of: (result: FannedOut) => number): number | undefined => median(rounds.map(of));
  const isGoal = contestant.role === 'wavehall' && rate === GOAL_RATE;
  return {
    scenario: openLoop.name,
    figure: `${rate} events/s to ${sockets} sockets`,
    server: contestant.name,
    value: medianOf(({ p99Ms }) => p99Ms),
    unit: 'ms, p99',
    ...(isGoal && { atMost: GOAL_P99_MS }),
    more: {
      'p50 ms': medianOf(({ p50Ms }) => p50Ms),
      'deliveries/s': medianOf(({ inTime, seconds }) => inTime / seconds),
      'in time %': medianOf((result) => shareOf(result) * 100),
      'server CPU %':
        contestant.pid === 0 ? undefined : medianOf(({ serverUs, seconds }) => serverUs / seconds / 1e4),
      'generator %': medianOf(({ ownUs, seconds }) => ownUs / seconds / 1e4),
    },
    note: keepsUp(rounds) ? undefined : 'behind: asked for no more',
  };
}
