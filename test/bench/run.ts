/** Runs the benchmark: checks the machine, starts all servers, and runs the scenarios. */
import { Bench, FULL, QUICK, type Scenario, type Sizes } from './bench.ts';
import {
  type Contestant,
  join,
  MEASURES_CPU,
  socketsFor,
  startFloor,
  startNaive,
  startWavehall,
} from './contestants.ts';
import { writeDocs } from './docs.ts';
import type { Row } from './figures.ts';
import type { GeneratorKind } from './load.ts';
import { type Pinning, planPinning, readMachine } from './machine.ts';
import { compileNative, type Native } from './native.ts';
import { type Report, table } from './report.ts';
import { SCENARIOS } from './scenarios/index.ts';
import { workersKind } from './workers.ts';

export interface RunOptions {
  readonly against: readonly string[];
  readonly only?: string | undefined;
  readonly quick: boolean;
  readonly rounds?: string | undefined;
  readonly json: boolean;
  readonly 'write-docs': boolean;
  readonly workers: boolean;
}

export async function run(options: RunOptions): Promise<void> {
  const selected = select(options.only);
  const prepared = await prepare({ ...options, sizes: sizesFor(options) });
  try {
    await warmUp(prepared.bench);
    await print(options, await runAll(prepared, selected));
  } finally {
    await prepared.close();
  }
}

function sizesFor({ quick, rounds }: RunOptions): Sizes {
  const sizes = quick ? QUICK : FULL;
  if (rounds === undefined) return sizes;
  if (!/^[1-9]\d*$/.test(rounds)) throw new Error(`--rounds ${rounds} is no number of rounds`);
  return { ...sizes, rounds: Number(rounds) };
}

export interface PreparedBench {
  readonly bench: Bench;
  readonly close: () => Promise<void>;
}

export interface PrepareOptions {
  readonly against: readonly string[];
  readonly workers: boolean;
  readonly sizes: Sizes;
}

/** Checks which parts can be used, and starts all servers. */
export async function prepare({ against, workers, sizes }: PrepareOptions): Promise<PreparedBench> {
  const pinning = planPinning();
  const compiled = workers ? '--workers was given' : compileNative();
  const native = typeof compiled === 'string' ? undefined : compiled;
  const contestants = await startAll(against, pinning, native);
  const bench = new Bench({
    sizes,
    contestants,
    generator: kindOf(native, pinning),
    native,
    maxSockets: socketsFor(readMachine().openFiles),
    pinning,
  });
  if (typeof compiled === 'string') bench.leaveOut('the C generator and the floor', compiled);
  if (!MEASURES_CPU) bench.leaveOut('CPU time and memory', 'there is no /proc/self/schedstat');
  const close = async (): Promise<void> => {
    await Promise.all(contestants.map((each) => each.close()));
  };
  return { bench, close };
}

function select(only: string | undefined): readonly Scenario[] {
  if (only === undefined) return SCENARIOS.filter(({ name }) => name !== 'cost');
  const names = only.split(',');
  const unknown = names.filter((name) => !SCENARIOS.some((each) => each.name === name));
  if (unknown.length > 0) throw new Error(`There is no scenario "${unknown.join('", "')}"`);
  return SCENARIOS.filter(({ name }) => names.includes(name));
}

const kindOf = (native: Native | undefined, { generator, isApart }: Pinning): GeneratorKind =>
  native === undefined
    ? workersKind(generator)
    : { name: 'generator: compiled C', command: [native.generator], core: generator, isBusyPolling: isApart };

async function startAll(
  against: readonly string[],
  { server: core }: Pinning,
  native: Native | undefined,
): Promise<Contestant[]> {
  // Running servers first: a wrong --against fails before anything is started.
  const others = against.map((text) => join(text, core));
  const floors =
    native === undefined
      ? []
      : [startFloor(native.floor, 'send', { core }), startFloor(native.floor, 'join', { core })];
  const own = await Promise.all([...floors, startNaive({ core }), startWavehall({ core })]);
  return [...own, ...others];
}

const WARM_SECONDS = 1;

/** Lets servers with a JIT compiler compile their code before they are measured. */
async function warmUp(bench: Bench): Promise<void> {
  for (const contestant of bench.contestants.filter(({ role }) => role !== 'floor')) {
    const load = bench.load(contestant);
    for (const command of ['post', 'handshake', 'churn'] as const)
      await load.run(command, { seconds: WARM_SECONDS * bench.sizes.scale, inflight: 8 });
    await load.close();
  }
}

/** Runs the scenarios one after another; an error in one does not end the others. */
async function runAll({ bench }: PreparedBench, selected: readonly Scenario[]): Promise<Report[]> {
  const reports: Report[] = [];
  const { rounds, seconds, scale } = bench.sizes;
  const sizes = `${rounds} rounds of ${seconds} s${scale === 1 ? '' : `, ${scale} of the sockets`}`;
  for (const scenario of selected) {
    bench.announce(scenario);
    const before = bench.leftOut.length;
    const machine = readMachine();
    const rows = await attempt(bench, scenario);
    const leftOut = bench.leftOut.slice(reports.length === 0 ? 0 : before);
    reports.push({
      scenario: scenario.name,
      title: scenario.title,
      machine,
      generator: bench.setting.generator.name,
      pinning: scenario.pinning ?? bench.setting.pinning.text,
      sizes,
      rows,
      leftOut,
    });
  }
  return reports;
}

async function attempt(bench: Bench, scenario: Scenario): Promise<Row[]> {
  try {
    return await scenario.run(bench);
  } catch (error) {
    bench.leaveOut(scenario.name, (error as Error).message);
    return [];
  }
}

async function print(options: RunOptions, reports: readonly Report[]): Promise<void> {
  if (options.json) console.log(JSON.stringify(reports, null, 2));
  else console.log(table(reports));
  if (options['write-docs']) await writeDocs(reports);
}
