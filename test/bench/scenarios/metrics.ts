/** Cost of the metrics: deliveries of a server that counts and is scraped each second, beside the same server without the counting. */
import type { Bench, Scenario } from '../bench.ts';
import { type Contestant, startUncounted, startWavehall } from '../contestants.ts';
import type { Row } from '../figures.ts';
import { closeClients, interleave, type LoadedServer, openClients } from '../rounds.ts';
import { rowsOf } from '../rows.ts';
import { http } from '../../support/wire-http.ts';
import { EIGHT, ONE, turn } from './fan-out.ts';

const SOCKETS = 1000;
const MOST = 1.02;
/** Often enough that a round has one; Prometheus usually asks each 15 s. */
const SCRAPE_EVERY_MS = 1000;
const TOKEN = 'a-token-for-the-benchmark';
/** The difference is smaller than what disturbs a single round. */
const ROUNDS_FACTOR = 5;

export const metrics: Scenario = {
  name: 'metrics',
  title: 'CPU of the server for one delivery, with metrics and without',
  async run(bench) {
    const { server: core } = bench.setting.pinning;
    const counted = await startWavehall({ core, variables: { WAVEHALL_ADMIN_TOKEN: TOKEN } });
    const uncounted = await startUncounted({ core });
    const scraping = setInterval(() => void scrape(counted), SCRAPE_EVERY_MS);
    try {
      return await measure(bench, [counted, uncounted]);
    } finally {
      clearInterval(scraping);
      await Promise.all([counted.close(), uncounted.close()]);
    }
  },
};

async function measure(bench: Bench, contestants: readonly Contestant[]): Promise<Row[]> {
  const sockets = bench.scaled(SOCKETS);
  const loadedServers = await openClients(bench, contestants, sockets);
  try {
    const rows: Row[] = [];
    for (const pattern of [ONE, EIGHT]) {
      const figure = `${sockets} sockets, ${pattern.name}`;
      const results = await interleave(
        bench,
        loadedServers,
        (loaded: LoadedServer) => turn(bench, loaded, pattern),
        ROUNDS_FACTOR * bench.sizes.rounds,
      );
      rows.push(...rowsOf({ scenario: 'metrics', figure, unit: 'us/delivery', goal: () => MOST }, results));
    }
    return rows;
  } finally {
    await closeClients(loadedServers);
  }
}

const scrape = ({ endpoint }: Contestant): Promise<unknown> =>
  http(endpoint, {
    method: 'GET',
    path: '/admin/metrics',
    headers: { authorization: `Bearer ${TOKEN}` },
  }).catch(() => undefined);
