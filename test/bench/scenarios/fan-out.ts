/** Cost of one delivery on the server: events to all subscribers of one channel; the next ones follow when the last have arrived. */
import type { Bench, Scenario } from '../bench.ts';
import { type Contestant, startBareWrite } from '../contestants.ts';
import type { Row } from '../figures.ts';
import type { Parameters } from '../load.ts';
import { interleave, refuse, type LoadedServer, openClients, closeClients } from '../rounds.ts';
import { type Found, isReverb, perUnit, rowsOf } from '../rows.ts';

interface Manner {
  readonly name: string;
  readonly parameters: Parameters;
  /** The floor that it is compared with. */
  readonly floor: 'send' | 'join' | undefined;
  readonly ofFloor?: number;
  readonly ofReverb?: number;
}

export const ONE: Manner = {
  name: '1 event a tick',
  parameters: { burst: 1 },
  floor: 'send',
  ofFloor: 1.45,
  ofReverb: 0.7,
};

export const EIGHT: Manner = {
  name: '8 events a tick (one batch)',
  parameters: { burst: 1, batch: 8 },
  floor: 'join',
  ofFloor: 1.8,
};

/** As they come they may be of one tick or of two. */
const EIGHT_REQUESTS: Manner = {
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
        rows.push(...(await measureAll(bench, at === 0 ? all : ableTo(bench, all, wanted), wanted)));
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
    for (const manner of [ONE, EIGHT, EIGHT_REQUESTS])
      rows.push(...(await measureFanOut(bench, loadedServers, manner, wanted)));
  } finally {
    await closeClients(loadedServers);
  }
  return rows;
}

/** Each size once, lowered to what the generator can have. */
function sizesOf(bench: Bench): number[] {
  const { maxSockets } = bench.setting;
  const sizes = SIZES.map((size) => bench.scaled(size));
  for (const size of sizes.filter((each) => each > maxSockets))
    bench.leaveOut(`${size} sockets`, `${maxSockets} are possible with the open files`);
  return [...new Set(sizes.map((size) => Math.min(size, maxSockets)))];
}

/** A figure for many sockets is none with a few. */
function ableTo(bench: Bench, contestants: readonly Contestant[], wanted: number): Contestant[] {
  return contestants.filter(({ name, maxSockets }) => {
    if (maxSockets >= wanted) return true;
    bench.leaveOut(`${wanted} sockets on ${name}`, `it takes ${maxSockets} at most`);
    return false;
  });
}

export async function measureFanOut(
  bench: Bench,
  loadedServers: readonly LoadedServer[],
  manner: Manner,
  sockets: number,
): Promise<Row[]> {
  const taking = loadedServers.filter(
    ({ contestant }) => manner.floor === 'join' || contestant.name !== 'floor join',
  );
  const results = await interleave(bench, taking, (loaded) => turn(bench, loaded, manner));
  const label = {
    scenario: fanOut.name,
    figure: `${sockets} sockets, ${manner.name}`,
    unit: 'us/delivery',
    sockets,
    goal: (other: Contestant): number | undefined => {
      if (other.name === `floor ${manner.floor ?? ''}`) return manner.ofFloor;
      return isReverb(other) ? manner.ofReverb : undefined;
    },
  };
  return rowsOf(label, results);
}

async function turn(bench: Bench, loaded: LoadedServer, { parameters }: Manner): Promise<Found | undefined> {
  const { pid } = loaded.contestant;
  const { seconds } = bench.sizes;
  const warmup = Math.min(0.2, seconds / 2);
  const found = await loaded.load.ask('fanout', { ...parameters, seconds, warmup, pids: pid });
  if (!found.whole) return refuse(bench, loaded, `${found.missing} deliveries did not arrive`, found);
  if (found.refused > 0) return refuse(bench, loaded, `${found.refused} requests were refused`, found);
  return {
    value: perUnit(loaded, found, found.deliveries),
    more: {
      'deliveries/s': found.deliveries / found.seconds,
      'p99 ms': found.p99Ms,
      'generator %': found.ownUs / found.seconds / 1e4,
    },
  };
}
