/** Latency of a quiet app's deliveries while another app of the same server publishes ten times what a core bears. */
import type { Bench, Scenario } from '../bench.ts';
import { type Contestant, startWavehall } from '../contestants.ts';
import { median, type Row } from '../figures.ts';
import { type FannedOut, Load } from '../load.ts';
import { APP } from '../../support/app.ts';

const FLOOD = { sockets: 1000, channels: 10, burst: 32, times: 10 };
const QUIET = { sockets: 20, rate: 50 };
const GOAL_P99_MS = 50;

const QUIET_APP = { id: 'quiet-id', key: 'quiet-key', secret: 'quiet-secret' };

export const fairness: Scenario = {
  name: 'fairness',
  title: 'Latency of an app beside the flood of another',
  async run(bench) {
    const server = await startServer(bench);
    const flood = floodOf(bench, server);
    const quiet = bench.load({ ...server, endpoint: { ...server.endpoint, ...QUIET_APP } }, true);
    try {
      await flood.run('open', { n: bench.scaled(FLOOD.sockets), channels: FLOOD.channels });
      await quiet.run('open', { n: QUIET.sockets });
      return await measure(bench, server, flood, quiet);
    } finally {
      await Promise.all([flood, quiet].map((load) => load.close()));
      await server.close();
    }
  },
};

function startServer({ setting: { pinning } }: Bench): Promise<Contestant> {
  const apps = [APP, QUIET_APP].map(({ id: app_id, key, secret }) => ({ app_id, key, secret }));
  return startWavehall({ core: pinning.server, variables: { WAVEHALL_APPS: JSON.stringify(apps) } });
}

/** Its clients give way to those of the quiet app, which run on the same core: only the server is to be measured. */
function floodOf({ setting: { generator } }: Bench, { endpoint }: Contestant): Load {
  const command = ['nice', '-n', '19', ...generator.command];
  return Load.start(endpoint, { ...generator, command, isBusyPolling: false });
}

/** One round: the quiet app alone, and beside the flood. */
interface Round {
  readonly alone: FannedOut;
  readonly beside: FannedOut;
  readonly flood: FannedOut;
}

async function measure(bench: Bench, server: Contestant, flood: Load, quiet: Load): Promise<Row[]> {
  const seconds = bench.sizes.seconds * 4;
  const borne = await flood.run('fanout', { burst: FLOOD.burst, seconds });
  const rate = Math.round((borne.events / borne.seconds) * FLOOD.times);
  const rounds: Round[] = [];
  for (let round = 0; round < Math.ceil(bench.sizes.rounds / 2); round += 1) {
    const alone = await quiet.run('fanout', { rate: QUIET.rate, seconds });
    const flooding = flood.run('fanout', { rate, seconds: seconds * 1.5 });
    const beside = await quiet.run('fanout', { rate: QUIET.rate, seconds, warmup: seconds / 8 });
    rounds.push({ alone, beside, flood: await flooding });
  }
  return rows(bench, server, rate, rounds);
}

function rows(bench: Bench, { name }: Contestant, rate: number, rounds: readonly Round[]): Row[] {
  const medianOf = (of: (round: Round) => number): number | undefined => median(rounds.map(of));
  const shared = { scenario: fairness.name, server: name, unit: 'ms, p99' };
  if (rounds.some(({ alone, beside }) => !alone.whole || !beside.whole))
    bench.leaveOut('a round', 'not every event of the quiet app arrived');
  return [
    {
      ...shared,
      figure: `${QUIET.rate} events/s to ${QUIET.sockets} sockets, alone`,
      value: medianOf(({ alone }) => alone.p99Ms),
      more: {
        'p50 ms': medianOf(({ alone }) => alone.p50Ms),
        'max ms': medianOf(({ alone }) => alone.maxMs),
      },
    },
    {
      ...shared,
      figure: `the same, beside ${rate} events/s of another app to ${bench.scaled(FLOOD.sockets) / FLOOD.channels} sockets each`,
      value: medianOf(({ beside }) => beside.p99Ms),
      atMost: GOAL_P99_MS,
      more: {
        'p50 ms': medianOf(({ beside }) => beside.p50Ms),
        'max ms': medianOf(({ beside }) => beside.maxMs),
        "the other app's deliveries/s": medianOf(({ flood }) => flood.inTime / flood.seconds),
        'its refused %': medianOf(({ flood }) => (flood.refused / Math.max(1, flood.events)) * 100),
      },
    },
  ];
}
