/** Short rounds in which every server has its turn, in another order each time: what disturbs one disturbs all. */
import type { Bench } from './bench.ts';
import type { Contestant } from './contestants.ts';
import type { Interval, Load } from './load.ts';

/** One server and its clients. */
export interface Seat {
  readonly contestant: Contestant;
  readonly load: Load;
  readonly sockets: number;
}

/** Opens so many subscribers on each; who cannot take them is left out. Whoever calls closes the seats. */
export async function seatAll(
  bench: Bench,
  contestants: readonly Contestant[],
  wanted: number,
  parameters: Readonly<Record<string, number>> = {},
): Promise<Seat[]> {
  const seats: Seat[] = [];
  for (const contestant of contestants) {
    const seat = await seatOne(bench, contestant, wanted, parameters);
    if (seat !== undefined) seats.push(seat);
  }
  return seats;
}

async function seatOne(
  bench: Bench,
  contestant: Contestant,
  wanted: number,
  parameters: Readonly<Record<string, number>>,
): Promise<Seat | undefined> {
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

export async function unseatAll(seats: readonly Seat[]): Promise<void> {
  await Promise.all(seats.map(({ load }) => load.close()));
}

/** Results by seat, one for each round; `undefined` where a turn failed. */
export async function interleave<Result>(
  bench: Bench,
  seats: readonly Seat[],
  turn: (seat: Seat) => Promise<Result | undefined>,
): Promise<Map<Seat, (Result | undefined)[]>> {
  const results = new Map<Seat, (Result | undefined)[]>(seats.map((seat) => [seat, []]));
  for (let round = 0; round <= bench.sizes.rounds; round += 1) {
    for (const seat of shuffled(seats)) {
      const result = await attempt(bench, seat, turn);
      // The first one is for the compilers in the servers.
      if (round > 0) results.get(seat)?.push(result);
    }
  }
  return results;
}

async function attempt<Result>(
  bench: Bench,
  seat: Seat,
  turn: (seat: Seat) => Promise<Result | undefined>,
): Promise<Result | undefined> {
  try {
    return await turn(seat);
  } catch (error) {
    bench.leaveOut(`a round of ${seat.contestant.name}`, (error as Error).message);
    return undefined;
  }
}

/** Says why a round does not count. */
export function refuse(bench: Bench, seat: Seat, what: string, { complaint }: Interval): undefined {
  bench.leaveOut(`a round of ${seat.contestant.name}`, complaint === '' ? what : `${what}; ${complaint}`);
  return undefined;
}

function shuffled<T>(items: readonly T[]): T[] {
  return items
    .map((item) => [Math.random(), item] as const)
    .sort(([left], [right]) => left - right)
    .map(([, item]) => item);
}
