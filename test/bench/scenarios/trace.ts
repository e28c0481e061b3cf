/** Cost of the trace: deliveries and requests of a server that keeps what became of events, beside one that keeps nothing. */
import type { Bench, Scenario } from '../bench.ts';
import { type Contestant, startUntraced, startWavehall } from '../contestants.ts';
import type { Row } from '../figures.ts';
import { closeClients } from '../rounds.ts';
import { type Results, rowsOf } from '../rows.ts';
import { deliveriesInPairs, inPairs, type WithPair } from './pairs.ts';
import { measure } from './trigger.ts';

const MOST = 1.01;

export const trace: Scenario = {
  name: 'trace',
  title: 'CPU of the server for one delivery and one request, with the trace and without',
  run: async (bench) => [
    ...(await deliveriesInPairs(bench, { scenario: 'trace', most: MOST }, pairs(bench))),
    ...(await requests(bench)),
  ],
};

/** Starts a server as it is by default, and one with `WAVEHALL_TRACE_BYTES=0`. */
const pairs =
  (bench: Bench): WithPair =>
  async (task) => {
    const { server: core } = bench.setting.pinning;
    const traced = await startWavehall({ core });
    let untraced: Contestant | undefined;
    try {
      untraced = await startUntraced({ core });
      return await task(traced, untraced);
    } finally {
      await Promise.all([traced.close(), untraced?.close()]);
    }
  };

/** Requests of one event for nobody: all that the trace costs a publisher. */
async function requests(bench: Bench): Promise<Row[]> {
  const [results] = await inPairs(bench, pairs(bench), async (servers) => {
    const loadedServers = servers.map((contestant) => ({
      contestant,
      load: bench.load(contestant),
      sockets: 0,
    }));
    try {
      return [await measure(bench, loadedServers, () => ({}))];
    } finally {
      await closeClients(loadedServers);
    }
  });
  return rowsOf({ scenario: 'trace', figure: 'POST events, signed', unit: 'us/event' }, results as Results);
}
