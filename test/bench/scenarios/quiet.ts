/** Latency from a request to its one subscriber on an otherwise idle server. */
import type { Scenario } from '../bench.ts';
import { interleave, refuse, openClients, closeClients } from '../rounds.ts';
import { rowsOf } from '../rows.ts';

const RATE = 200;
const GOAL_MS = 1;

export const quiet: Scenario = {
  name: 'quiet',
  title: 'Latency of one delivery on an idle server',
  async run(bench) {
    const contestants = bench.contestants.filter(({ name }) => name !== 'floor join');
    const loadedServers = await openClients(bench, contestants, 1);
    try {
      const results = await interleave(bench, loadedServers, async (loaded) => {
        const result = await loaded.load.run('fanout', { rate: RATE, seconds: bench.sizes.seconds });
        if (!result.whole || result.deliveries === 0)
          return refuse(bench, loaded, 'not everything arrived', result);
        return { value: result.p99Ms, more: { 'p50 ms': result.p50Ms } };
      });
      const atMost = ({ role }: { readonly role: string }) => (role === 'wavehall' ? GOAL_MS : undefined);
      return rowsOf(
        { scenario: 'quiet', figure: `${RATE} events/s to 1 socket`, unit: 'ms, p99', atMost },
        results,
      );
    } finally {
      await closeClients(loadedServers);
    }
  },
};
