/** Latency of a small publish while large fan-outs run. */
import type { Scenario } from '../bench.ts';
import { interleave, refuse, type LoadedServer, openClients, closeClients } from '../rounds.ts';
import { type TurnResult, rowsOf } from '../rows.ts';

const SOCKETS = 5000;
const DELIVERIES_PER_SECOND = 40_000;
const PROBES_PER_SECOND = 100;

export const httpLatency: Scenario = {
  name: 'http-latency',
  title: 'Latency of a request while large fan-outs run',
  async run(bench) {
    const wanted = bench.scaled(SOCKETS);
    const contestants = bench.contestants.filter(({ role }) => role !== 'floor');
    const loadedServers = await openClients(bench, contestants, wanted);
    const rate = (loaded: LoadedServer): number => DELIVERIES_PER_SECOND / loaded.sockets;
    const seconds = bench.sizes.seconds * 2;
    try {
      const results = await interleave(
        bench,
        loadedServers,
        async (loaded): Promise<TurnResult | undefined> => {
          const { pid } = loaded.contestant;
          const parameters = { rate: rate(loaded), probe: PROBES_PER_SECOND, seconds, pids: pid };
          const result = await loaded.load.run('fanout', parameters);
          if (result.probes === 0) return refuse(bench, loaded, 'no request was answered', result);
          return {
            value: result.probeP99Ms,
            more: {
              'p50 ms': result.probeP50Ms,
              'p99 ms of deliveries': result.p99Ms,
              'server CPU %': pid === 0 ? undefined : result.serverUs / result.seconds / 1e4,
            },
          };
        },
      );
      const figure = `${DELIVERIES_PER_SECOND} deliveries/s to ${wanted} sockets`;
      return rowsOf({ scenario: 'http-latency', figure, unit: 'ms, p99', sockets: wanted }, results);
    } finally {
      await closeClients(loadedServers);
    }
  },
};
