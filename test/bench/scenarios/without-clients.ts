/** Servers for scenarios without subscribers. */
import type { Bench } from '../bench.ts';
import type { LoadedServer } from '../rounds.ts';

/** Every server but the floor, which serves fan-outs only. */
export const serversWithoutClients = (bench: Bench): LoadedServer[] =>
  bench.contestants
    .filter(({ role }) => role !== 'floor')
    .map((contestant) => ({ contestant, load: bench.load(contestant), sockets: 0 }));

/** The naive server's paths with nothing on top of the library: a floor of their own. */
export const bareServer = (bench: Bench, name: 'bare ws' | 'bare http'): LoadedServer[] =>
  bench.contestants
    .filter(({ role }) => role === 'naive')
    .map((naive) => ({ contestant: { ...naive, name, role: 'floor' }, load: bench.load(naive), sockets: 0 }));
