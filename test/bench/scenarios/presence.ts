/** Members who keep joining and leaving a presence channel, each time as a new user, while other members receive the changes. */
import type { Scenario } from '../bench.ts';
import { interleave, refuse, openClients, closeClients } from '../rounds.ts';
import { perUnit, rowsOf } from '../rows.ts';

const WATCHERS = 50;

export const presence: Scenario = {
  name: 'presence',
  title: 'CPU of the server for one member who enters and leaves',
  async run(bench) {
    const contestants = bench.contestants.filter(({ role }) => role !== 'floor');
    const loadedServers = await openClients(bench, contestants, WATCHERS, { presence: 1 });
    try {
      const results = await interleave(bench, loadedServers, async (loaded) => {
        const parameters = { seconds: bench.sizes.seconds, pids: loaded.contestant.pid, inflight: 16 };
        const result = await loaded.load.run('churn', parameters);
        if (result.rounds === 0 || result.bad > 0)
          return refuse(bench, loaded, `${result.bad} members were lost`, result);
        return {
          value: perUnit(loaded, result, result.rounds),
          more: {
            'members/s': result.rounds / result.seconds,
            'told of each': result.arrivals / result.rounds,
            'p99 ms': result.p99Ms,
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
