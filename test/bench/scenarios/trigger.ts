/** Signed publishes on a channel without subscribers: one event each, compared with a bare node:http, and ten in one request. */
import type { Bench, Scenario } from '../bench.ts';
import type { Row } from '../figures.ts';
import type { Repeated } from '../load.ts';
import { interleave, refuse, type LoadedServer, closeClients } from '../rounds.ts';
import { type Found, isReverb, perUnit, type Results, rowsOf } from '../rows.ts';
import { bareServer, serversWithoutClients } from './without-clients.ts';

const BATCH = 10;
/** Before so many a server runs code that is not compiled yet; on a busy machine a short round has a few hundred. */
const WARM_REQUESTS = 50_000;
const WARM_MS = 10_000;

export const trigger: Scenario = {
  name: 'trigger',
  title: 'CPU of the server for one signed request of one event',
  async run(bench) {
    const bare = bareServer(bench, 'bare http');
    const kindOf = (loaded: LoadedServer): Kind => (bare.includes(loaded) ? { plain: 1 } : {});
    return withSeats(bench, bare, async (loadedServers) =>
      rowsOf(
        {
          scenario: 'trigger',
          figure: 'POST events, signed',
          unit: 'us/event',
          goal: (other) => (other.name === 'bare http' ? 2 : isReverb(other) ? 0.1 : undefined),
        },
        await measure(bench, loadedServers, kindOf),
      ),
    );
  },
};

export const batch: Scenario = {
  name: 'batch',
  title: 'CPU of the server for one event of a batch',
  run: (bench) =>
    withSeats(bench, [], async (loadedServers) => {
      const results = await measure(bench, loadedServers, () => ({ batch: BATCH }));
      return rowsOf(
        { scenario: 'batch', figure: `POST batch_events, ${BATCH} events`, unit: 'us/event' },
        results,
      );
    }),
};

async function withSeats(
  bench: Bench,
  bare: readonly LoadedServer[],
  task: (loadedServers: readonly LoadedServer[]) => Promise<Row[]>,
): Promise<Row[]> {
  const loadedServers = [...bare, ...serversWithoutClients(bench)];
  try {
    return await task(loadedServers);
  } finally {
    await closeClients(loadedServers);
  }
}

interface Kind {
  readonly plain?: number;
  readonly batch?: number;
}

/** One server after another, after all are warm. */
async function measure(
  bench: Bench,
  loadedServers: readonly LoadedServer[],
  kindOf: (loaded: LoadedServer) => Kind,
): Promise<Results> {
  for (const loaded of loadedServers) await warmUp(bench, loaded, kindOf(loaded));
  return interleave(bench, loadedServers, (loaded) => post(bench, loaded, kindOf(loaded)));
}

async function warmUp(bench: Bench, loaded: LoadedServer, kind: Kind): Promise<void> {
  const wanted = WARM_REQUESTS * bench.sizes.scale;
  const until = Date.now() + WARM_MS;
  let taken = 0;
  while (taken < wanted && Date.now() < until) taken += (await ask(bench, loaded, kind)).rounds;
}

function ask({ sizes }: Bench, { load, contestant }: LoadedServer, kind: Kind): Promise<Repeated> {
  return load.ask('post', { seconds: sizes.seconds, pids: contestant.pid, inflight: 16, ...kind });
}

async function post(bench: Bench, loaded: LoadedServer, kind: Kind): Promise<Found | undefined> {
  const found = await ask(bench, loaded, kind);
  if (found.rounds === 0) return refuse(bench, loaded, 'no request was answered', found);
  if (found.bad > 0) return refuse(bench, loaded, `${found.bad} requests failed`, found);
  const events = found.rounds * (kind.batch ?? 1);
  return {
    value: perUnit(loaded, found, events),
    more: {
      'events/s': events / found.seconds,
      'p99 ms': found.p99Ms,
      'generator %': found.ownUs / found.seconds / 1e4,
    },
  };
}
