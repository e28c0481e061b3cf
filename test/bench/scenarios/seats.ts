/** Seats for what needs no subscribers. */
import type { Bench } from '../bench.ts';
import type { Seat } from '../rounds.ts';

/** Everybody but the floor, which is one of fan-outs only. */
export const seatsWithoutCrowd = (bench: Bench): Seat[] =>
  bench.contestants
    .filter(({ role }) => role !== 'floor')
    .map((contestant) => ({ contestant, load: bench.load(contestant), sockets: 0 }));

/** The naive server's paths with nothing on top of the library: a floor of their own. */
export const bareSeat = (bench: Bench, name: 'bare ws' | 'bare http'): Seat[] =>
  bench.contestants
    .filter(({ role }) => role === 'naive')
    .map((naive) => ({ contestant: { ...naive, name, role: 'floor' }, load: bench.load(naive), sockets: 0 }));
