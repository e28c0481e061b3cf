/** Cost of many sockets on which nothing happens, and on which clients only send pings. */
import type { Bench, Scenario } from '../bench.ts';
import type { Row } from '../figures.ts';
import { type LoadedServer, openClients, closeClients } from '../rounds.ts';
import { sleep } from '../../../src/core/util/time.ts';

const SOCKETS = 10_000;
const GOAL_PERCENT = 0.5;
/** pusher-js, left alone, pings so often when the server asks for signs of life every 30 s, as Wavehall and Reverb do. */
const PING_SECONDS = 30;
/** Time for the work that opening them has left, in measurements of other scenarios. */
const SETTLE_MEASUREMENTS = 2.5;

export const idle: Scenario = {
  name: 'idle',
  title: 'CPU of the server with many idle subscribers',
  async run(bench) {
    const rows: Row[] = [];
    for (const contestant of bench.contestants.filter(({ role, pid }) => role !== 'floor' && pid !== 0)) {
      // One after another: so many sockets of all at once would be a test of the kernel.
      const loadedServers = await openClients(bench, [contestant], bench.scaled(SOCKETS));
      try {
        for (const loaded of loadedServers) rows.push(...(await measure(bench, loaded)));
      } finally {
        await closeClients(loadedServers);
      }
    }
    return rows;
  },
};

async function measure(bench: Bench, { contestant, load, sockets }: LoadedServer): Promise<Row[]> {
  await sleep(bench.sizes.seconds * SETTLE_MEASUREMENTS * 1000);
  const seconds = bench.sizes.seconds * 10;
  const rows: Row[] = [];
  for (const ping of [0, PING_SECONDS]) {
    const found = await load.ask('rest', { seconds, ping, pids: contestant.pid });
    rows.push({
      scenario: idle.name,
      figure: ping === 0 ? 'silence' : `each client pings every ${ping} s`,
      server: contestant.name,
      value: found.serverUs / found.seconds / 1e4,
      unit: '% of a core',
      ...(contestant.role === 'wavehall' && ping === 0 && { atMost: GOAL_PERCENT }),
      more: { 'pings/s': found.pings / found.seconds, 'lost sockets': sockets - found.open },
      note: `${sockets} sockets`,
    });
  }
  return rows;
}
