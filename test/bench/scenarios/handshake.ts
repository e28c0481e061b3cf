/** Clients that connect, subscribe to one channel, disconnect and connect again, compared with a bare WebSocket handshake. */
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
        const found = await loaded.load.ask('visit', { ...parameters, bare: Number(bare.includes(loaded)) });
        if (found.rounds === 0 || found.bad > 0)
          return refuse(bench, loaded, `${found.bad} handshakes failed`, found);
        return {
          value: perUnit(loaded, found, found.rounds),
          more: { 'handshakes/s': found.rounds / found.seconds, 'p99 ms': found.p99Ms },
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
