/** Clients that connect, subscribe to one channel, vanish and come again, beside a bare WebSocket handshake. */
import type { Scenario } from '../bench.ts';
import { interleave, refuse, unseatAll } from '../rounds.ts';
import { isReverb, perUnit, rowsOf } from '../rows.ts';
import { bareSeat, seatsWithoutCrowd } from './seats.ts';

export const handshake: Scenario = {
  name: 'handshake',
  title: 'CPU of the server for one handshake with one subscription',
  async run(bench) {
    const seats = seatsWithoutCrowd(bench);
    const bare = bareSeat(bench, 'bare ws');
    try {
      const results = await interleave(bench, [...bare, ...seats], async (seat) => {
        const parameters = { seconds: bench.sizes.seconds, pids: seat.contestant.pid, inflight: 32 };
        const found = await seat.load.ask('visit', { ...parameters, bare: Number(bare.includes(seat)) });
        if (found.rounds === 0 || found.bad > 0)
          return refuse(bench, seat, `${found.bad} handshakes failed`, found);
        return {
          value: perUnit(seat, found, found.rounds),
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
      await unseatAll([...bare, ...seats]);
    }
  },
};
