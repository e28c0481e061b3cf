/** Cost of one delivery on the server: publishes events to all subscribers of one channel, the next when the last has arrived everywhere. */
import type { Bench, Scenario } from '../bench.ts';
import { type Contestant, startBareWrite } from '../contestants.ts';
import type { Row } from '../figures.ts';
import type { Parameters } from '../load.ts';
import { interleave, refuse, type LoadedServer, openClients, closeClients } from '../rounds.ts';
import { type TurnResult, isReverb, perUnit, rowsOf } from '../rows.ts';

interface PublishPattern {
  readonly name: string;
  readonly parameters: Parameters;
  /** The floor to compare with. */
  readonly floor: 'send' | 'join' | undefined;
  readonly ofFloor?: number;
  readonly ofReverb?: number;
}

export const ONE: PublishPattern = {
  name: '1 event a tick',
  parameters: { burst: 1 },
  floor: 'send',
  ofFloor: 1.45,
  ofReverb: 0.7,
};

export const EIGHT: PublishPattern = {
  name: '8 events a tick (one batch)',
  parameters: { burst: 1, batch: 8 },
  floor: 'join',
  ofFloor: 1.8,
};

/** These may arrive within one tick of the server or within two. */
const EIGHT_REQUESTS: PublishPattern = {
  name: '8 events in 8 requests at once',
  parameters: { burst: 8 },
  floor: 'join',
  ofReverb: 0.3,
};

const SIZES = [1000, 5000];

export const fanOut: Scenario = {
  name: 'fan-out',
  title: 'CPU of the server for one delivery',
  async run(bench) {
    const rows: Row[] = [];
    const bare = await startBareWrite({ core: bench.setting.pinning.server });
    try {
      for (const [at, wanted] of sizesOf(bench).entries()) {
        const all = [...bench.contestants, bare];
        rows.push(...(await measureAll(bench, at === 0 ? all : withSockets(bench, all, wanted), wanted)));
      }
    } finally {
      await bare.close();
    }
    return rows;
  },
};

async function measureAll(bench: Bench, contestants: readonly Contestant[], wanted: number): Promise<Row[]> {
  const rows: Row[] = [];
  const loadedServers = await openClients(bench, contestants, wanted);
  try {
    for (const pattern of [ONE, EIGHT, EIGHT_REQUESTS])
      rows.push(...(await measureFanOut(bench, loadedServers, pattern, wanted)));
  } finally {
    await closeClients(loadedServers);
  }
  return rows;
}

/** Each size once, limited to the sockets of the generator. */
function sizesOf(bench: Bench): number[] {
  const { maxSockets } = bench.setting;
  const sizes = SIZES.map((size) => bench.scaled(size));
  for (const size of sizes.filter((each) => each > maxSockets))
    bench.leaveOut(`${size} sockets`, `${maxSockets} are possible with the open files`);
  return [...new Set(sizes.map((size) => Math.min(size, maxSockets)))];
}

/** Leaves out servers that accept fewer sockets: their figure would not be comparable. */
function withSockets(bench: Bench, contestants: readonly Contestant[], wanted: number): Contestant[] {
  return contestants.filter(({ name, maxSockets }) => {
    if (maxSockets >= wanted) return true;
    bench.leaveOut(`${wanted} sockets on ${name}`, `it accepts ${maxSockets} at most`);
    return false;
  });
}

export async function measureFanOut(
  bench: Bench,
  loadedServers: readonly LoadedServer[],
  pattern: PublishPattern,
  sockets: number,
): Promise<Row[]> {
  const compared = loadedServers.filter(
    ({ contestant }) => pattern.floor === 'join' || contestant.name !== 'floor join',
  );
  const results = await interleave(bench, compared, (loaded) => turn(bench, loaded, pattern));
  const label = {
    scenario: fanOut.name,
    figure: `${sockets} sockets, ${pattern.name}`,
    unit: 'us/delivery',
    sockets,
    goal: (other: Contestant): number | undefined => {
      if (other.name === `floor ${pattern.floor ?? ''}`) return pattern.ofFloor;
      return isReverb(other) ? pattern.ofReverb : undefined;
    },
  };
  return rowsOf(label, results);
}

/** Publishes for one round, and returns the CPU time of a delivery. */
export async function turn(
  bench: Bench,
  loaded: LoadedServer,
  { parameters }: PublishPattern,
): Promise<TurnResult | undefined> {
  const { pid } = loaded.contestant;
  const { seconds } = bench.sizes;
  const warmup = Math.min(0.2, seconds / 2);
  const result = await loaded.load.run('fanout', { ...parameters, seconds, warmup, pids: pid });
  if (!result.whole) return refuse(bench, loaded, `${result.missing} deliveries did not arrive`, result);
  if (result.refused > 0) return refuse(bench, loaded, `${result.refused} requests were refused`, result);
  return {
    value: perUnit(loaded, result, result.deliveries),
    more: {
      'deliveries/s': result.deliveries / result.seconds,
      'p99 ms': result.p99Ms,
      'generator %': result.ownUs / result.seconds / 1e4,
    },
  };
}
