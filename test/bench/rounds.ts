/** Short rounds in which every server has a turn, in another order each time, so that a disturbance meets all of them. */
import type { Bench } from './bench.ts';
import type { Contestant } from './contestants.ts';
import type { Interval, Load } from './load.ts';

/** One server and its clients. */
export interface LoadedServer {
  readonly contestant: Contestant;
  readonly load: Load;
  readonly sockets: number;
}

/** Opens `wanted` subscribers on each server; a server that cannot take them is left out. The caller closes them. */
export async function openClients(
  bench: Bench,
  contestants: readonly Contestant[],
  wanted: number,
  parameters: Readonly<Record<string, number>> = {},
): Promise<LoadedServer[]> {
  const loadedServers: LoadedServer[] = [];
  for (const contestant of contestants) {
    const loaded = await openClientsOf(bench, contestant, wanted, parameters);
    if (loaded !== undefined) loadedServers.push(loaded);
  }
  return loadedServers;
}

async function openClientsOf(
  bench: Bench,
  contestant: Contestant,
  wanted: number,
  parameters: Readonly<Record<string, number>>,
): Promise<LoadedServer | undefined> {
  const sockets = bench.socketsOn(contestant, wanted);
  const load = bench.load(contestant);
  if (sockets === 0) return { contestant, load, sockets };
  const { open, complaint } = await load.ask('open', { n: sockets, ...parameters });
  if (open === sockets) return { contestant, load, sockets };
  bench.leaveOut(
    `${sockets} sockets on ${contestant.name}`,
    `${open} came up; ${complaint || 'then nothing more'}`,
  );
  await load.close();
  return undefined;
}

export async function closeClients(loadedServers: readonly LoadedServer[]): Promise<void> {
  await Promise.all(loadedServers.map(({ load }) => load.close()));
}

/** Results by loaded, one for each round; `undefined` where a turn failed. */
export async function interleave<Result>(
  bench: Bench,
  loadedServers: readonly LoadedServer[],
  turn: (loaded: LoadedServer) => Promise<Result | undefined>,
): Promise<Map<LoadedServer, (Result | undefined)[]>> {
  const results = new Map<LoadedServer, (Result | undefined)[]>(loadedServers.map((loaded) => [loaded, []]));
  for (let round = 0; round <= bench.sizes.rounds; round += 1) {
    for (const loaded of shuffled(loadedServers)) {
      const result = await attempt(bench, loaded, turn);
      // The first one is for the compilers in the servers.
      if (round > 0) results.get(loaded)?.push(result);
    }
  }
  return results;
}

async function attempt<Result>(
  bench: Bench,
  loaded: LoadedServer,
  turn: (loaded: LoadedServer) => Promise<Result | undefined>,
): Promise<Result | undefined> {
  try {
    return await turn(loaded);
  } catch (error) {
    bench.leaveOut(`a round of ${loaded.contestant.name}`, (error as Error).message);
    return undefined;
  }
}

/** Reports why a round does not count. */
export function refuse(bench: Bench, loaded: LoadedServer, what: string, { complaint }: Interval): undefined {
  bench.leaveOut(`a round of ${loaded.contestant.name}`, complaint === '' ? what : `${what}; ${complaint}`);
  return undefined;
}

function shuffled<T>(items: readonly T[]): T[] {
  return items
    .map((item) => [Math.random(), item] as const)
    .sort(([left], [right]) => left - right)
    .map(([, item]) => item);
}
