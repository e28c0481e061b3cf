/** Members who join and leave a presence channel all the time, each as a new user, while other members receive the changes. */
import type { Scenario } from '../bench.ts';
import { interleave, refuse, openClients, closeClients } from '../rounds.ts';
import { perUnit, rowsOf } from '../rows.ts';

const WATCHERS = 50;

export const presence: Scenario = {
  name: 'presence',
  title: 'CPU of the server for one member who enters and leaves',
  async run(bench) {
    const able = bench.contestants.filter(({ role }) => role !== 'floor');
    const loadedServers = await openClients(bench, able, WATCHERS, { presence: 1 });
    try {
      const results = await interleave(bench, loadedServers, async (loaded) => {
        const parameters = { seconds: bench.sizes.seconds, pids: loaded.contestant.pid, inflight: 16 };
        const found = await loaded.load.ask('churn', parameters);
        if (found.rounds === 0 || found.bad > 0)
          return refuse(bench, loaded, `${found.bad} members were lost`, found);
        return {
          value: perUnit(loaded, found, found.rounds),
          more: {
            'members/s': found.rounds / found.seconds,
            'told of each': found.arrivals / found.rounds,
            'p99 ms': found.p99Ms,
          },
        };
      });
      const figure = `enter and leave, ${WATCHERS} members watch`;
      return rowsOf({ scenario: 'presence', figure, unit: 'us' }, results);
    } finally {
      await closeClients(loadedServers);
    }
  },
};
