/** Cost of people who look: deliveries of a server whose live view ten people have open, beside one at which nobody looks. */
import { WebSocket } from 'ws';
import { MAX_VIEWERS } from '../../../src/admin/routes/live.ts';
import type { Bench, Scenario } from '../bench.ts';
import { type Contestant, startWavehall } from '../contestants.ts';
import { closeClients, interleave, type LoadedServer, openClients, refuse } from '../rounds.ts';
import { perUnit, type Results, rowsOf, type TurnResult } from '../rows.ts';
import { inPairs, type WithPair } from './pairs.ts';

const TOKEN = 'a-token-for-the-benchmark';
const SOCKETS = 10;
const BATCH = 10;
const REQUESTS_PER_SECOND = 1000;
/** Filters as the page sends them: none, an app, the beginning of a channel, an event, and with the data of events. */
const FILTERS = ['', '?app=app-id', '?channel=bench*', '?event=bench', '?payload=1'];
/** Largest ratio that meets the goal. */
const MOST_P99 = 1.25;
/** Sockets and batches are few: a round has to be long for its p99. */
const LONGER = 4;

export const lookers: Scenario = {
  name: 'lookers',
  title: `Deliveries at ${REQUESTS_PER_SECOND * BATCH} events/s, with ${MAX_VIEWERS} people looking and without`,
  async run(bench) {
    const [cpu, p99] = (await inPairs(bench, pairs(bench), (servers, isInOrder) =>
      measure(bench, isInOrder ? servers : servers.toReversed()),
    )) as [Results, Results];
    const figure = `${SOCKETS} sockets, ${REQUESTS_PER_SECOND} batches of ${BATCH} a second`;
    const label = { scenario: lookers.name, figure };
    return [
      ...rowsOf({ ...label, unit: 'us/delivery' }, cpu),
      ...rowsOf({ ...label, unit: 'ms, p99', goal: () => MOST_P99 }, p99),
    ];
  },
};

/** Starts a server with its viewers, and one without. */
const pairs =
  (bench: Bench): WithPair =>
  async (task) => {
    const { server: core } = bench.setting.pinning;
    const variables = { WAVEHALL_ADMIN_TOKEN: TOKEN };
    const watched = await startWavehall({ core, variables });
    let unwatched: Contestant | undefined;
    const viewers: WebSocket[] = [];
    try {
      unwatched = { ...(await startWavehall({ core, variables })), name: 'nobody looks', role: 'other' };
      for (let at = 0; at < MAX_VIEWERS; at += 1) viewers.push(await look(watched, at));
      return await task(watched, unwatched);
    } finally {
      for (const viewer of viewers) viewer.terminate();
      await Promise.all([watched.close(), unwatched?.close()]);
    }
  };

/** Opens the live socket of a page. Its lines are read and dropped. */
async function look({ endpoint }: Contestant, at: number): Promise<WebSocket> {
  const url = `ws://${endpoint.host}:${endpoint.port}/admin/live/socket${FILTERS[at % FILTERS.length] ?? ''}`;
  const options = { headers: { authorization: `Bearer ${TOKEN}` }, perMessageDeflate: false };
  const viewer = new WebSocket(url, options);
  await new Promise<void>((resolve, reject) => {
    viewer.once('open', resolve);
    viewer.once('error', reject);
  });
  viewer.on('error', () => undefined);
  return viewer;
}

async function measure(bench: Bench, servers: readonly Contestant[]): Promise<readonly Results[]> {
  const loadedServers = await openClients(bench, servers, SOCKETS);
  try {
    const results = await interleave(bench, loadedServers, (loaded) => turn(bench, loaded));
    const byServer = [...results].toSorted(
      ([one], [other]) => Number(isWatched(other)) - Number(isWatched(one)),
    );
    return [new Map(byServer), new Map(byServer.map(([loaded, rounds]) => [loaded, rounds.map(asP99)]))];
  } finally {
    await closeClients(loadedServers);
  }
}

const isWatched = ({ contestant }: LoadedServer): boolean => contestant.role === 'wavehall';

async function turn(bench: Bench, loaded: LoadedServer): Promise<TurnResult | undefined> {
  const seconds = LONGER * bench.sizes.seconds;
  const result = await loaded.load.run('fanout', {
    ...{ rate: REQUESTS_PER_SECOND, batch: BATCH },
    ...{ seconds, warmup: seconds / 8, pids: loaded.contestant.pid },
  });
  if (result.deliveries === 0) return refuse(bench, loaded, 'no delivery arrived', result);
  return {
    value: perUnit(loaded, result, result.deliveries),
    more: {
      'p50 ms': result.p50Ms,
      'p99 ms': result.p99Ms,
      'deliveries/s': result.inTime / result.seconds,
      'in time %': (result.inTime / (result.deliveries + Math.max(0, result.missing))) * 100,
      'server CPU %': loaded.contestant.pid === 0 ? undefined : result.serverUs / result.seconds / 1e4,
    },
  };
}

const asP99 = (result: TurnResult | undefined): TurnResult | undefined =>
  result && { value: result.more?.['p99 ms'], more: { 'p50 ms': result.more?.['p50 ms'] } };
