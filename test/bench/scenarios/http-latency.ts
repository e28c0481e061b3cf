/** How long a publisher of something small waits for its answer while large fan-outs run. */
import type { Scenario } from '../bench.ts';
import { interleave, refuse, type Seat, seatAll, unseatAll } from '../rounds.ts';
import { type Found, rowsOf } from '../rows.ts';

const SOCKETS = 5000;
const DELIVERIES_PER_SECOND = 40_000;
const PROBES_PER_SECOND = 100;

export const httpLatency: Scenario = {
  name: 'http-latency',
  title: 'Latency of a request while large fan-outs run',
  async run(bench) {
    const wanted = bench.scaled(SOCKETS);
    const able = bench.contestants.filter(({ role }) => role !== 'floor');
    const seats = await seatAll(bench, able, wanted);
    const rate = (seat: Seat): number => DELIVERIES_PER_SECOND / seat.sockets;
    const seconds = bench.sizes.seconds * 2;
    try {
      const results = await interleave(bench, seats, async (seat): Promise<Found | undefined> => {
        const { pid } = seat.contestant;
        const parameters = { rate: rate(seat), probe: PROBES_PER_SECOND, seconds, pids: pid };
        const found = await seat.load.ask('fanout', parameters);
        if (found.probes === 0) return refuse(bench, seat, 'no request was answered', found);
        return {
          value: found.probeP99Ms,
          more: {
            'p50 ms': found.probeP50Ms,
            'p99 ms of deliveries': found.p99Ms,
            'server CPU %': pid === 0 ? undefined : found.serverUs / found.seconds / 1e4,
          },
        };
      });
      const figure = `${DELIVERIES_PER_SECOND} deliveries/s to ${wanted} sockets`;
      return rowsOf({ scenario: 'http-latency', figure, unit: 'ms, p99', sockets: wanted }, results);
    } finally {
      await unseatAll(seats);
    }
  },
};
