/** Short rounds in which every server has a turn, in random order, so that a disturbance affects all of them. */
import type { Bench } from './bench.ts';
import type { Contestant } from './contestants.ts';
import type { Interval, Load } from './load.ts';

export interface MeasuredServer {
  readonly contestant: Contestant;
  readonly sockets: number;
}

/** A server and the generator that acts as its clients. */
export interface LoadedServer extends MeasuredServer {
  readonly load: Load;
}

/** Opens `wanted` subscribers on each server; leaves out a server that does not accept them. The caller closes them. */
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
  const { open, firstError } = await load.run('open', { n: sockets, ...parameters });
  if (open === sockets) return { contestant, load, sockets };
  bench.leaveOut(
    `${sockets} sockets on ${contestant.name}`,
    `${open} were opened; ${firstError || 'then it timed out'}`,
  );
  await load.close();
  return undefined;
}

export async function closeClients(loadedServers: readonly LoadedServer[]): Promise<void> {
  await Promise.all(loadedServers.map(({ load }) => load.close()));
}

/** Runs all rounds. Returns the results of each server, one per round; `undefined` where its turn failed. */
export async function interleave<Server extends MeasuredServer, Result>(
  bench: Bench,
  servers: readonly Server[],
  turn: (server: Server) => Promise<Result | undefined>,
): Promise<Map<Server, (Result | undefined)[]>> {
  const results = new Map<Server, (Result | undefined)[]>(servers.map((server) => [server, []]));
  for (let round = 0; round <= bench.sizes.rounds; round += 1) {
    for (const server of shuffled(servers)) {
      const result = await attempt(bench, server, turn);
      // The first round only warms up the JIT compilers of the servers.
      if (round > 0) results.get(server)?.push(result);
    }
  }
  return results;
}

async function attempt<Server extends MeasuredServer, Result>(
  bench: Bench,
  server: Server,
  turn: (server: Server) => Promise<Result | undefined>,
): Promise<Result | undefined> {
  try {
    return await turn(server);
  } catch (error) {
    bench.leaveOut(`a round of ${server.contestant.name}`, (error as Error).message);
    return undefined;
  }
}

/** Reports why a round is not counted. */
export function refuse(
  bench: Bench,
  loaded: LoadedServer,
  what: string,
  { firstError }: Interval,
): undefined {
  bench.leaveOut(`a round of ${loaded.contestant.name}`, firstError === '' ? what : `${what}; ${firstError}`);
  return undefined;
}

function shuffled<T>(items: readonly T[]): T[] {
  return items
    .map((item) => [Math.random(), item] as const)
    .sort(([left], [right]) => left - right)
    .map(([, item]) => item);
}
