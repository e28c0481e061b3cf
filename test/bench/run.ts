/** One whole run: finds out what the machine allows, starts everybody, and lets the scenarios do their rounds. */
import { Bench, FULL, QUICK, type Scenario } from './bench.ts';
import { type Contestant, join, socketsFor, startFloor, startNaive, startWavehall } from './contestants.ts';
import { writeDocs } from './docs.ts';
import type { LeftOut, Row } from './figures.ts';
import type { GeneratorKind } from './load.ts';
import { type Pinning, planPinning, readMachine } from './machine.ts';
import { compileNative, type Native } from './native.ts';
import { type Report, table } from './report.ts';
import { SCENARIOS } from './scenarios/index.ts';
import { workersKind } from './workers.ts';

export interface Wishes {
  readonly against: readonly string[];
  readonly only?: string | undefined;
  readonly quick: boolean;
  readonly json: boolean;
  readonly 'write-docs': boolean;
  readonly workers: boolean;
}

export async function run(wishes: Wishes): Promise<void> {
  const chosen = choose(wishes.only);
  const machine = readMachine();
  const pinning = planPinning();
  const native = wishes.workers ? 'the worker threads were asked for' : compileNative();
  const kind = kindOf(native, pinning);
  const found: LeftOut[] = [];
  if (typeof native === 'string') found.push({ what: 'the C generator and the floor', why: native });
  const contestants = await startAll(wishes, pinning, typeof native === 'string' ? undefined : native);
  try {
    const bench = new Bench({
      sizes: wishes.quick ? QUICK : FULL,
      contestants,
      generator: kind,
      native: typeof native === 'string' ? undefined : native,
      maxSockets: socketsFor(machine.openFiles),
      core: pinning.server,
    });
    for (const { what, why } of found) bench.leaveOut(what, why);
    await warmUp(bench);
    const reports = await runAll(bench, chosen, { pinning, kind });
    print(wishes, reports);
  } finally {
    await Promise.all(contestants.map((each) => each.close()));
  }
}

function choose(only: string | undefined): readonly Scenario[] {
  if (only === undefined) return SCENARIOS.filter(({ name }) => name !== 'cost');
  const names = only.split(',');
  const unknown = names.filter((name) => !SCENARIOS.some((each) => each.name === name));
  if (unknown.length > 0) throw new Error(`There is no scenario "${unknown.join('", "')}"`);
  return SCENARIOS.filter(({ name }) => names.includes(name));
}

const kindOf = (native: Native | string, { generator }: Pinning): GeneratorKind =>
  typeof native === 'string'
    ? workersKind(generator)
    : { name: 'generator: compiled C', command: [native.generator], core: generator };

async function startAll(
  { against }: Wishes,
  { server: core }: Pinning,
  native: Native | undefined,
): Promise<Contestant[]> {
  // Those that are there already first: what is wrong with them is said before anything is started.
  const others = against.map((text) => join(text, core));
  const floors =
    native === undefined
      ? []
      : [startFloor(native.floor, 'send', { core }), startFloor(native.floor, 'join', { core })];
  const own = await Promise.all([...floors, startNaive({ core }), startWavehall({ core })]);
  return [...own, ...others];
}

const WARM_SECONDS = 1;

/** Servers with a compiler of their own are measured compiled. */
async function warmUp(bench: Bench): Promise<void> {
  for (const contestant of bench.contestants.filter(({ role }) => role !== 'floor')) {
    const load = bench.load(contestant);
    for (const command of ['post', 'visit', 'churn'] as const)
      await load.ask(command, { seconds: WARM_SECONDS * bench.sizes.scale, inflight: 8 });
    await load.close();
  }
}

interface Circumstances {
  readonly pinning: Pinning;
  readonly kind: GeneratorKind;
}

/** A report for each scenario; what goes wrong in one does not end the others. */
async function runAll(bench: Bench, chosen: readonly Scenario[], with_: Circumstances): Promise<Report[]> {
  const reports: Report[] = [];
  const { rounds, seconds, scale } = bench.sizes;
  const sizes = `${rounds} rounds of ${seconds} s${scale === 1 ? '' : `, ${scale} of the sockets`}`;
  for (const scenario of chosen) {
    bench.announce(scenario);
    const before = bench.leftOut.length;
    const machine = readMachine();
    const rows = await attempt(bench, scenario);
    const leftOut = bench.leftOut.slice(reports.length === 0 ? 0 : before);
    reports.push({
      scenario: scenario.name,
      title: scenario.title,
      machine,
      generator: with_.kind.name,
      pinning: with_.pinning.text,
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

function print(wishes: Wishes, reports: readonly Report[]): void {
  if (wishes.json) console.log(JSON.stringify(reports, null, 2));
  else console.log(table(reports));
  if (wishes['write-docs']) writeDocs(reports);
}
