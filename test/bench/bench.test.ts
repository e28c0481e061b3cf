/** Checks that every figure can be measured, with either generator, and that missing parts are named. The values themselves need a quiet machine. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { APP } from '../support/app.ts';
import type { Scenario } from './bench.ts';
import { join, MEASURES_CPU, parseAgainst, startWavehall } from './contestants.ts';
import { filled } from './docs.ts';
import { compare, goalsOf, ratioOf, type Row } from './figures.ts';
import { Load, type Rested } from './load.ts';
import { planPinning } from './machine.ts';
import { compileNative } from './native.ts';
import { markdown, table } from './report.ts';
import { type Course, prepare } from './run.ts';
import { fit } from './scenarios/cost.ts';
import { SCENARIOS } from './scenarios/index.ts';
import { workersKind } from './workers.ts';

const TINY = { rounds: 1, seconds: 0.1, scale: 0.004 };
let course: Course;
/** A server that was there before. */
let other: Awaited<ReturnType<typeof startWavehall>>;

const addressOf = ({ endpoint: { port }, pid }: typeof other): string =>
  `Other=127.0.0.1:${port},${APP.id},${APP.key},${APP.secret},${pid}`;

beforeAll(async () => {
  other = await startWavehall({});
  course = await prepare({ against: [addressOf(other)], workers: false, sizes: TINY });
});

afterAll(async () => {
  await course.close();
  expect(other.isAlive()).toBe(true);
  await other.close();
});

const named = (name: string): Scenario => SCENARIOS.find((each) => each.name === name) as Scenario;

const RULES: readonly (readonly [rule: string, scenario: string])[] = [
  ['3.13', 'open-loop'],
  ['3.13', 'quiet'],
  ['8.4', 'http-latency'],
  ['2.3', 'handshake'],
  ['7.4', 'trigger'],
  ['8.5', 'batch'],
  ['4.4', 'presence'],
  ['2.9', 'memory'],
  ['2.10', 'idle'],
  ['3.13', 'cost'],
];

function sound(rows: readonly Row[], servers: readonly string[]): void {
  expect(rows.map(({ server }) => server)).toEqual(expect.arrayContaining([...servers]));
  expect(rows.filter(({ value }) => value === undefined || !Number.isFinite(value))).toEqual([]);
}

/** Only Linux shows the CPU time of other processes; on other systems the benchmark names what it leaves out. */
const it = MEASURES_CPU || process.env.CI !== undefined ? test : test.skip;

it.each(RULES)(
  '%s the benchmark measures Wavehall and another server: %s',
  async (_, name) => {
    const rows = await named(name).run(course.bench);
    sound(rows, name === 'cost' ? ['Wavehall'] : ['Wavehall', 'Other']);
  },
  60_000,
);

it('3.13 the benchmark compares a fan-out with bare writes of Node and with another server', async () => {
  const rows = await named('fan-out').run(course.bench);
  sound(rows, ['Wavehall', 'Other', 'naive ws']);
  const bare = rows.filter(({ server }) => server === 'bare write');
  expect(bare.map(({ figure }) => figure)).toEqual([...new Set(rows.map(({ figure }) => figure))]);
  for (const { against = [] } of rows.filter(({ server }) => server === 'Wavehall'))
    expect(against.find(({ to }) => to === 'bare write')?.ratio).toBeGreaterThan(0);
}, 60_000);

it('3.13 the benchmark measures each way to distribute connections to workers', async () => {
  const { bench } = course;
  const rows = await named('workers').run(bench);
  const servers = new Set(rows.map(({ server }) => server));
  for (const server of ['one process', 'Wavehall', 'SCHED_NONE']) expect(servers).toContain(server);
  expect(rows.filter(({ value = NaN }) => !(value > 0 && Number.isFinite(value)))).toEqual([]);
}, 60_000);

it('3.13 worker threads make the same load when there is no compiler', async () => {
  const alone = await prepare({ against: [], workers: true, sizes: { ...TINY, seconds: 0.4 } });
  try {
    const [floors] = alone.bench.leftOut;
    expect(floors).toEqual({
      what: 'the C generator and the floor',
      why: 'the worker threads were asked for',
    });
    for (const name of ['quiet', 'handshake', 'trigger', 'presence']) {
      const rows = await named(name).run(alone.bench);
      expect(rows.map(({ server }) => server)).toContain('Wavehall');
      expect(rows.filter(({ value }) => value === undefined || !Number.isFinite(value))).toEqual([]);
    }
    expect(alone.bench.leftOut).toEqual([floors]);
  } finally {
    await alone.close();
  }
}, 60_000);

test('3.13 every scenario is in the documentation and has a test', async () => {
  const document = await readFile('docs/performance.md', 'utf8');
  for (const { name } of SCENARIOS) expect(() => filled(document, name, '')).not.toThrow();
  // Several nodes have tests of their own, beside their figures.
  const tested = [...RULES.map(([, name]) => name), 'fan-out', 'workers', 'cross-node'];
  expect(SCENARIOS.map(({ name }) => name).sort()).toEqual(tested.sort());
});

test('7.2 the compiled generator makes valid signatures for channels and requests', async ({ skip }) => {
  const native = compileNative();
  if (typeof native === 'string') {
    expect(process.env.CI).toBe(undefined);
    return skip(native);
  }
  const load = Load.start(other.endpoint, { name: 'C', command: [native.generator], core: undefined });
  expect(await load.ask('open', { n: 20, presence: 1 })).toMatchObject({
    open: 20,
    failed: 0,
    complaint: '',
  });
  const churned = await load.ask('churn', { inflight: 4, seconds: 0.2 });
  expect(churned).toMatchObject({ bad: 0, complaint: '' });
  // Each was seen by everybody who was there before.
  expect(churned.arrivals).toBeGreaterThanOrEqual((churned.rounds - 4) * 20);
  expect(churned.rounds).toBeGreaterThan(0);
  const fannedOut = await load.ask('fanout', { seconds: 0.2, burst: 4 });
  expect(fannedOut).toMatchObject({ whole: true, refused: 0, missing: 0, complaint: '' });
  expect(fannedOut.deliveries).toBe(fannedOut.events * 20);
  const posted = await load.ask('post', { seconds: 0.2, batch: 10 });
  expect(posted).toMatchObject({ bad: 0, complaint: '' });
  expect(posted.rounds).toBeGreaterThan(0);
  await load.close();
});

test('7.2 a generator reports what the server refused', async () => {
  const wrong = { ...other.endpoint, secret: 'wrong' };
  const native = compileNative();
  const kinds = [workersKind(undefined).command, ...(typeof native === 'string' ? [] : [[native.generator]])];
  for (const command of kinds) {
    const load = Load.start(wrong, { name: '', command, core: undefined });
    const opened = await load.ask('open', { n: 2, presence: 1 });
    expect(opened).toMatchObject({ open: 0, failed: 2 });
    expect(opened.complaint).not.toBe('');
    await load.close();
  }
});

test('3.13 without a compiler, and with few open files, the report names what is left out', () => {
  expect(compileNative('no-such-compiler')).toBe('there is no C compiler (no-such-compiler)');
  const { bench } = course;
  const [first] = bench.contestants;
  expect(bench.socketsOn({ ...first!, maxSockets: 7 }, 1000)).toBe(7);
  expect(bench.leftOut.at(-1)?.why).toBe('7 are possible with the open files');
});

test('3.13 the generator polls without a pause only when it has a core of its own', async ({ skip }) => {
  expect(planPinning([0])).toMatchObject({ server: undefined, generator: undefined, isApart: false });
  expect(planPinning([0, 1], 'no-such-taskset')).toMatchObject({ generator: undefined, isApart: false });
  const native = compileNative();
  if (typeof native === 'string') {
    expect(process.env.CI).toBe(undefined);
    return skip(native);
  }
  const asleep = await restOf(native.generator, false);
  const awake = await restOf(native.generator, true);
  expect(awake.serverUs).toBeGreaterThan(10 * asleep.serverUs);
  // It worked no more than before: staying awake is no work, however much of the core others had.
  expect(awake.ownUs).toBeGreaterThanOrEqual(0);
  expect(awake.ownUs).toBeLessThan(awake.serverUs / 10);
});

/** The generator takes the CPU time of a server; here it is its own. */
async function restOf(generator: string, isAwake: boolean): Promise<Rested> {
  const load = Load.start(other.endpoint, { name: 'C', command: [generator], core: undefined, isAwake });
  const rested = await load.ask('rest', { seconds: 0.3, pids: load.pid });
  await load.close();
  return rested;
}

test("3.13 --against needs every part of the server's address, and a server that listens", () => {
  const endpoint = { host: '127.0.0.1', port: 6001, id: 'i', key: 'k', secret: 's', prefix: '' };
  expect(parseAgainst('Reverb=localhost:6001,i,k,s')).toMatchObject({ name: 'Reverb', pid: 0, endpoint });
  expect(parseAgainst('R=127.0.0.1:6001,i,k,s,1,900')).toMatchObject({ pid: 1, maxSockets: 900 });
  expect(() => parseAgainst('127.0.0.1:6001,i,k,s')).toThrow('is not NAME=HOST:PORT,ID,KEY,SECRET');
  const gone = 4_000_000_000;
  expect(existsSync(`/proc/${gone}`)).toBe(false);
  expect(() => join(`R=127.0.0.1:6001,i,k,s,${gone}`, undefined)).toThrow(`R: there is no process ${gone}`);
});

test('3.13 ratios are medians over rounds, and a goal is met or missed', () => {
  expect(ratioOf([2, 20, undefined, 3], [1, 10, 1, undefined])).toBe(2);
  const against = compare([3, 3], [{ to: 'floor', rounds: [2, 2], atMost: 1.45 }]);
  const row: Row = {
    scenario: 's',
    figure: 'f',
    server: 'Wavehall',
    value: 3,
    unit: 'us',
    against,
    atMost: 4,
  };
  expect(goalsOf(row).map(({ isMet }) => isMet)).toEqual([true, false]);
});

test('3.13 the table and the documentation show what was measured and what was left out', () => {
  const row: Row = {
    scenario: 'fan-out',
    figure: 'f',
    server: 'Wavehall',
    value: 5.25,
    unit: 'us',
    note: 'a note',
  };
  const report = {
    scenario: 'fan-out',
    title: 't',
    machine: {
      ...{
        cpu: 'c',
        cores: 1,
        memoryGiB: 1,
        kernel: 'k',
        node: 'v20',
        date: 'today',
        load: 0.5,
        openFiles: 1024,
      },
    },
    generator: 'g',
    pinning: planPinning().text,
    sizes: '6 rounds',
    rows: [row],
    leftOut: [{ what: 'this', why: 'that' }],
  };
  for (const text of [table([report]), markdown(report)]) {
    for (const part of ['5.25 us', 'a note', 'this: that', 'load average 0.50', '1024 open files'])
      expect(text).toContain(part);
  }
  const document = 'a\n<!-- bench:x -->\nold\n<!-- /bench:x -->\nb';
  expect(filled(document, 'x', 'new')).toBe('a\n<!-- bench:x -->\n\nnew\n\n<!-- /bench:x -->\nb');
  expect(() => filled(document, 'y', 'new')).toThrow('has no place for "y"');
});

test('3.13 the model of cost finds the two numbers from which the points were made', () => {
  const points = [1, 10, 100, 1000].map((audience) => ({ audience, usPerEvent: 30 + 5 * audience }));
  const { usPerEvent, usPerDelivery } = fit(points);
  expect(usPerEvent).toBeCloseTo(30);
  expect(usPerDelivery).toBeCloseTo(5);
});
