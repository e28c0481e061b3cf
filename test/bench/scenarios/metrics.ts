/** Cost of the metrics: deliveries of a server that counts and is scraped, beside the same server without the counting; and of one scrape. */
import type { Bench, Scenario } from '../bench.ts';
import { type Contestant, startCounted, startUncounted } from '../contestants.ts';
import type { Row } from '../figures.ts';
import { closeClients, interleave, openClients } from '../rounds.ts';
import { type Results, rowsOf } from '../rows.ts';
import { http } from '../../support/wire-http.ts';
import { EIGHT, ONE, turn } from './fan-out.ts';

const SOCKETS = 1000;
const MOST = 1.02;
/** As in examples/deploy/prometheus/prometheus.yml. */
const SCRAPE_EVERY_MS = 15_000;
const SCRAPES = 50;
const TOKEN = 'a-token-for-the-benchmark';
const PATTERNS = [ONE, EIGHT];

export const metrics: Scenario = {
  name: 'metrics',
  title: 'CPU of the server for one delivery, with metrics and without',
  async run(bench) {
    // Two processes of one program differ by more than the metrics cost, and the one whose clients connect first is often
    // slower: as many pairs are measured as rounds of each, and each time another one is first.
    const pairs = bench.sizes.rounds;
    const all: PairResults[] = [];
    for (let pair = 0; pair < pairs; pair += 1)
      all.push(await withPair(bench, (...servers) => deliveries(bench, servers, pair % 2 === 0)));
    const rows = PATTERNS.flatMap(({ name }, at) =>
      rowsOf(
        {
          scenario: 'metrics',
          figure: `${bench.scaled(SOCKETS)} sockets, ${name}`,
          unit: 'us/delivery',
          goal: () => MOST,
        },
        joined(all.map((results) => results[at] as Results)),
      ),
    );
    return [...rows, await withPair(bench, (counted) => oneScrape(bench, counted))];
  },
};

/** Results of one pair of servers, for each pattern. */
type PairResults = readonly Results[];

/** Starts a server that is scraped and one that does not count. */
async function withPair<T>(
  bench: Bench,
  task: (counted: Contestant, uncounted: Contestant) => Promise<T>,
): Promise<T> {
  const { server: core } = bench.setting.pinning;
  const counted = await startCounted({ core, variables: { WAVEHALL_ADMIN_TOKEN: TOKEN } });
  const scraping = setInterval(() => void scrape(counted), SCRAPE_EVERY_MS);
  let uncounted: Contestant | undefined;
  try {
    uncounted = await startUncounted({ core });
    return await task(counted, uncounted);
  } finally {
    clearInterval(scraping);
    await Promise.all([counted.close(), uncounted?.close()]);
  }
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

async function oneScrape(bench: Bench, counted: Contestant): Promise<Row> {
  const load = bench.load(counted);
  try {
    const idle = load.run('idle', { seconds: 2 * bench.sizes.seconds, pids: counted.pid });
    for (let each = 0; each < SCRAPES; each += 1) await scrape(counted);
    const { serverUs } = await idle;
    return {
      scenario: 'metrics',
      figure: 'one scrape, 1 app',
      server: counted.name,
      value: serverUs / SCRAPES / 1000,
      unit: 'ms of CPU',
    };
  } finally {
    await load.close();
  }
}

const scrape = ({ endpoint }: Contestant): Promise<unknown> =>
  http(endpoint, {
    method: 'GET',
    path: '/admin/metrics',
    headers: { authorization: `Bearer ${TOKEN}` },
  }).catch(() => undefined);
