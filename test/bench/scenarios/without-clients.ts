/** Servers for scenarios without subscribers. */
import type { Bench } from '../bench.ts';
import type { LoadedServer } from '../rounds.ts';

/** All servers except the floor, which serves fan-outs only. */
export const serversWithoutClients = (bench: Bench): LoadedServer[] =>
  bench.contestants
    .filter(({ role }) => role !== 'floor')
    .map((contestant) => ({ contestant, load: bench.load(contestant), sockets: 0 }));

/** The naive server at its paths `/bare` and `/echo`, which add nothing to their library and serve as a floor. */
export const bareServer = (bench: Bench, name: 'bare ws' | 'bare http'): LoadedServer[] =>
  bench.contestants
    .filter(({ role }) => role === 'naive')
    .map((naive) => ({ contestant: { ...naive, name, role: 'floor' }, load: bench.load(naive), sockets: 0 }));
