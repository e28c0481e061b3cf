/** Clients that connect, subscribe to one channel, disconnect and reconnect, compared with a bare WebSocket handshake. */
import type { Scenario } from '../bench.ts';
import { interleave, refuse, closeClients } from '../rounds.ts';
import { isReverb, perUnit, rowsOf } from '../rows.ts';
import { bareServer, serversWithoutClients } from './without-clients.ts';

export const handshake: Scenario = {
  name: 'handshake',
  title: 'CPU of the server for one handshake with one subscription',
  async run(bench) {
    const loadedServers = serversWithoutClients(bench);
    const bare = bareServer(bench, 'bare ws');
    try {
      const results = await interleave(bench, [...bare, ...loadedServers], async (loaded) => {
        const parameters = { seconds: bench.sizes.seconds, pids: loaded.contestant.pid, inflight: 32 };
        const result = await loaded.load.run('handshake', {
          ...parameters,
          bare: Number(bare.includes(loaded)),
        });
        if (result.rounds === 0 || result.bad > 0)
          return refuse(bench, loaded, `${result.bad} handshakes failed`, result);
        return {
          value: perUnit(loaded, result, result.rounds),
          more: { 'handshakes/s': result.rounds / result.seconds, 'p99 ms': result.p99Ms },
        };
      });
      const label = { scenario: 'handshake', figure: 'connect, subscribe, vanish', unit: 'us' };
      return rowsOf(
        {
          ...label,
          goal: (other) => (other.name === 'bare ws' ? 2 : isReverb(other) ? 0.3 : undefined),
        },
        results,
      );
    } finally {
      await closeClients([...bare, ...loadedServers]);
    }
  },
};
