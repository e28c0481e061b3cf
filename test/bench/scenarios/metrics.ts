/** Cost of the metrics: deliveries of a server that counts and is scraped, beside the same server without the counting; and of one scrape. */
import type { Bench, Scenario } from '../bench.ts';
import { type Contestant, startCounted, startUncounted } from '../contestants.ts';
import type { Row } from '../figures.ts';
import { http } from '../../support/wire-http.ts';
import { deliveriesInPairs, type WithPair } from './pairs.ts';

const MOST = 1.02;
/** As in examples/deploy/prometheus/prometheus.yml. */
const SCRAPE_EVERY_MS = 15_000;
const SCRAPES = 50;
const TOKEN = 'a-token-for-the-benchmark';

export const metrics: Scenario = {
  name: 'metrics',
  title: 'CPU of the server for one delivery, with metrics and without',
  async run(bench) {
    const withPair = pairs(bench);
    const rows = await deliveriesInPairs(bench, { scenario: 'metrics', most: MOST }, withPair);
    return [...rows, await withPair((counted) => oneScrape(bench, counted))];
  },
};

/** Starts a server that is scraped and one that does not count. */
const pairs =
  (bench: Bench): WithPair =>
  async (task) => {
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
  };

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
