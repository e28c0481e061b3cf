/** Signed publishes on a channel without subscribers: one event each, compared with a bare node:http, and ten in one request. */
import type { Bench, Scenario } from '../bench.ts';
import type { Row } from '../figures.ts';
import type { Repeated } from '../load.ts';
import { interleave, refuse, type LoadedServer, closeClients } from '../rounds.ts';
import { type TurnResult, isReverb, perUnit, type Results, rowsOf } from '../rows.ts';
import { bareServer, serversWithoutClients } from './without-clients.ts';

const BATCH = 10;
/** Requests until a server's code is compiled; on a busy machine a short round has only a few hundred. */
const WARM_REQUESTS = 50_000;
const WARM_MS = 10_000;

export const trigger: Scenario = {
  name: 'trigger',
  title: 'CPU of the server for one signed request of one event',
  async run(bench) {
    const bare = bareServer(bench, 'bare http');
    const kindOf = (loaded: LoadedServer): RequestKind => (bare.includes(loaded) ? { plain: 1 } : {});
    return withServers(bench, bare, async (loadedServers) =>
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
    withServers(bench, [], async (loadedServers) => {
      const results = await measure(bench, loadedServers, () => ({ batch: BATCH }));
      return rowsOf(
        { scenario: 'batch', figure: `POST batch_events, ${BATCH} events`, unit: 'us/event' },
        results,
      );
    }),
};

async function withServers(
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

interface RequestKind {
  readonly plain?: number;
  readonly batch?: number;
}

/** Warms up all servers, then measures them. */
export async function measure(
  bench: Bench,
  loadedServers: readonly LoadedServer[],
  kindOf: (loaded: LoadedServer) => RequestKind,
): Promise<Results> {
  for (const loaded of loadedServers) await warmUp(bench, loaded, kindOf(loaded));
  return interleave(bench, loadedServers, (loaded) => turn(bench, loaded, kindOf(loaded)));
}

async function warmUp(bench: Bench, loaded: LoadedServer, kind: RequestKind): Promise<void> {
  const wanted = WARM_REQUESTS * bench.sizes.scale;
  const until = Date.now() + WARM_MS;
  let answered = 0;
  while (answered < wanted && Date.now() < until)
    answered += (await sendRequests(bench, loaded, kind)).rounds;
}

function sendRequests(
  { sizes }: Bench,
  { load, contestant }: LoadedServer,
  kind: RequestKind,
): Promise<Repeated> {
  return load.run('post', { seconds: sizes.seconds, pids: contestant.pid, inflight: 16, ...kind });
}

async function turn(bench: Bench, loaded: LoadedServer, kind: RequestKind): Promise<TurnResult | undefined> {
  const result = await sendRequests(bench, loaded, kind);
  if (result.rounds === 0) return refuse(bench, loaded, 'no request was answered', result);
  if (result.bad > 0) return refuse(bench, loaded, `${result.bad} requests failed`, result);
  const events = result.rounds * (kind.batch ?? 1);
  return {
    value: perUnit(loaded, result, events),
    more: {
      'events/s': events / result.seconds,
      'p99 ms': result.p99Ms,
      'generator %': result.ownUs / result.seconds / 1e4,
    },
  };
}
