/** Cost of many idle sockets, without any traffic and with the clients' pings only. */
import type { Bench, Scenario } from '../bench.ts';
import type { Row } from '../figures.ts';
import { type LoadedServer, openClients, closeClients } from '../rounds.ts';
import { sleep } from '../../../src/core/util/time.ts';

const SOCKETS = 10_000;
const GOAL_PERCENT = 0.5;
/** Ping interval of pusher-js at an activity timeout of 30 s, the default of Wavehall and Reverb. */
const PING_SECONDS = 30;
/** Pause after opening the sockets, in durations of a measurement. */
const SETTLE_MEASUREMENTS = 2.5;

export const idle: Scenario = {
  name: 'idle',
  title: 'CPU of the server with many idle subscribers',
  async run(bench) {
    const rows: Row[] = [];
    for (const contestant of bench.contestants.filter(({ role, pid }) => role !== 'floor' && pid !== 0)) {
      // One server at a time: the sockets of all servers together would measure the kernel.
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
    const result = await load.run('idle', { seconds, ping, pids: contestant.pid });
    rows.push({
      scenario: idle.name,
      figure: ping === 0 ? 'silence' : `each client pings every ${ping} s`,
      server: contestant.name,
      value: result.serverUs / result.seconds / 1e4,
      unit: '% of a core',
      ...(contestant.role === 'wavehall' && ping === 0 && { atMost: GOAL_PERCENT }),
      more: { 'pings/s': result.pings / result.seconds, 'lost sockets': sockets - result.open },
      note: `${sockets} sockets`,
    });
  }
  return rows;
}
