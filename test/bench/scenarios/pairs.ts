/** Cost of one part of the server: deliveries of a server with it, beside the same server without it. */
import type { Bench } from '../bench.ts';
import type { Contestant } from '../contestants.ts';
import type { Row } from '../figures.ts';
import { closeClients, interleave, openClients } from '../rounds.ts';
import { type Results, rowsOf } from '../rows.ts';
import { EIGHT, ONE, turn } from './fan-out.ts';

const SOCKETS = 1000;
const PATTERNS = [ONE, EIGHT];

/** Starts both servers for a task, and closes them after it. */
export type WithPair = <T>(task: (withIt: Contestant, without: Contestant) => Promise<T>) => Promise<T>;

/** Results of one pair of servers, for each figure. */
type PairResults = readonly Results[];

/**
 * Runs a measurement with several pairs of servers; the figures have all of their rounds. Two processes of one program differ by
 * more than one part of it costs, and the one whose clients connect first is often slower: as many pairs are measured as rounds
 * of each, and each time another one is first.
 */
export async function inPairs(
  { sizes }: Bench,
  withPair: WithPair,
  measure: (servers: readonly Contestant[], isInOrder: boolean) => Promise<PairResults>,
): Promise<PairResults> {
  const all: PairResults[] = [];
  for (let pair = 0; pair < sizes.rounds; pair += 1)
    all.push(await withPair((...servers) => measure(servers, pair % 2 === 0)));
  return (all[0] ?? []).map((_, at) => joined(all.map((results) => results[at] as Results)));
}

/** Rows of the deliveries. `most`: the largest ratio that meets the goal. */
export async function deliveriesInPairs(
  bench: Bench,
  { scenario, most }: { readonly scenario: string; readonly most: number },
  withPair: WithPair,
): Promise<Row[]> {
  const all = await inPairs(bench, withPair, (servers, isInOrder) => deliveries(bench, servers, isInOrder));
  return PATTERNS.flatMap(({ name }, at) =>
    rowsOf(
      {
        scenario,
        figure: `${bench.scaled(SOCKETS)} sockets, ${name}`,
        unit: 'us/delivery',
        goal: () => most,
      },
      all[at] as Results,
    ),
  );
}

async function deliveries(
  bench: Bench,
  contestants: readonly Contestant[],
  isInOrder: boolean,
): Promise<PairResults> {
  const inOrder = isInOrder ? contestants : contestants.toReversed();
  const opened = await openClients(bench, inOrder, bench.scaled(SOCKETS));
  const loadedServers = isInOrder ? opened : opened.toReversed();
  try {
    const results: Results[] = [];
    for (const pattern of PATTERNS)
      results.push(await interleave(bench, loadedServers, (loaded) => turn(bench, loaded, pattern)));
    return results;
  } finally {
    await closeClients(loadedServers);
  }
}

/** All rounds of all pairs, as if one pair had had them. */
function joined(all: readonly Results[]): Results {
  const [first = new Map()] = all;
  return new Map(
    [...first.keys()].map((loaded, at) => [
      loaded,
      all.flatMap((results) => [...results.values()][at] ?? []),
    ]),
  );
}
