/** Checks that every figure can be measured, with either generator, and that missing parts are reported. The values themselves need a quiet machine. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { metric } from '../cli/ports.ts';
import { APP } from '../support/app.ts';
import { http } from '../support/wire-http.ts';
import type { Scenario } from './bench.ts';
import { join, MEASURES_CPU, parseAgainst, startUncounted, startWavehall } from './contestants.ts';
import { filled } from './docs.ts';
import { compare, goalsOf, ratioOf, type Row } from './figures.ts';
import { Load, type Idle } from './load.ts';
import { planPinning } from './machine.ts';
import { compileNative } from './native.ts';
import { markdown, table } from './report.ts';
import { type PreparedBench, prepare } from './run.ts';
import { hitRatios } from './scenarios/access/hit-ratios.ts';
import { withLaravel } from './scenarios/access/laravel.ts';
import { fit } from './scenarios/cost.ts';
import { SCENARIOS } from './scenarios/index.ts';
import { workersKind } from './workers.ts';

const TINY = { rounds: 1, seconds: 0.3, scale: 0.004 };
let prepared: PreparedBench;
/** A server that runs before the benchmark starts. */
let other: Awaited<ReturnType<typeof startWavehall>>;

const addressOf = ({ endpoint: { port }, pid }: typeof other): string =>
  `Other=127.0.0.1:${port},${APP.id},${APP.key},${APP.secret},${pid}`;

beforeAll(async () => {
  other = await startWavehall({});
  prepared = await prepare({ against: [addressOf(other)], workers: false, sizes: TINY });
});

afterAll(async () => {
  await prepared.close();
  expect(other.isAlive()).toBe(true);
  await other.close();
});

const scenarioNamed = (name: string): Scenario => SCENARIOS.find((each) => each.name === name) as Scenario;

const RULES: readonly (readonly [rule: string, scenario: string])[] = [
  ['3.13', 'open-loop'],
  ['3.13', 'quiet'],
  ['8.4', 'http-latency'],
  ['3.14', 'fairness'],
  ['2.3', 'handshake'],
  ['7.4', 'trigger'],
  ['8.5', 'batch'],
  ['8.15', 'publish-limits'],
  ['14.4', 'auth'],
  ['4.4', 'presence'],
  ['2.9', 'memory'],
  ['2.10', 'idle'],
  ['2.9', 'connect'],
  ['11.5', 'metrics'],
  ['16.2', 'trace'],
  ['17.5', 'lookers'],
  ['9.6', 'webhooks'],
  ['10.4', 'fallback'],
  ['13.3', 'resume'],
  ['3.13', 'cost'],
];

/** They start their own servers. */
const ALONE = [
  ...['cost', 'connect', 'fairness', 'fallback', 'resume', 'metrics', 'trace', 'lookers', 'webhooks'],
  ...['publish-limits', 'auth'],
];

function expectMeasured(rows: readonly Row[], servers: readonly string[]): void {
  expect(rows.map(({ server }) => server)).toEqual(expect.arrayContaining([...servers]));
  expect(rows.filter(({ value }) => value === undefined || !Number.isFinite(value))).toEqual([]);
}

/** Only Linux shows the CPU time of other processes; on other systems the benchmark names what it leaves out. */
const it = MEASURES_CPU || process.env.CI !== undefined ? test : test.skip;

it.each(RULES)(
  '%s the benchmark measures Wavehall and another server: %s',
  async (_, name) => {
    const rows = await scenarioNamed(name).run(prepared.bench);
    expectMeasured(rows, ALONE.includes(name) ? ['Wavehall'] : ['Wavehall', 'Other']);
  },
  120_000,
);

it('3.13 the benchmark compares a fan-out with bare socket writes and with another server', async () => {
  const rows = await scenarioNamed('fan-out').run(prepared.bench);
  expectMeasured(rows, ['Wavehall', 'Other', 'naive ws']);
  const bareWrite = rows.filter(({ server }) => server === 'bare write');
  expect(bareWrite.map(({ figure }) => figure)).toEqual([...new Set(rows.map(({ figure }) => figure))]);
  for (const { against = [] } of rows.filter(({ server }) => server === 'Wavehall'))
    expect(against.find(({ to }) => to === 'bare write')?.ratio).toBeGreaterThan(0);
}, 60_000);

test('14.3 a session whose cookie is encrypted anew is known with APP_KEY, and not without', async () => {
  const { bench } = prepared;
  const rows = await withLaravel(bench, (laravel) => hitRatios(bench, 'auth', laravel));
  expect(rows.map(({ server, value }) => [server, value])).toEqual([
    ['Wavehall', 100],
    ['without APP_KEY', 0],
    ['Wavehall', 100],
    ['without APP_KEY', 0],
  ]);
});

it('11.5 the server without metrics delivers, and counts nothing', async () => {
  const TOKEN = 'a-token-for-tests';
  const server = await startUncounted({ variables: { WAVEHALL_ADMIN_TOKEN: TOKEN } });
  const load = Load.start(server.endpoint, workersKind(undefined));
  const { open } = await load.run('open', { n: 3 });
  const { deliveries } = await load.run('fanout', { seconds: 0.2, burst: 1 });
  expect([open, deliveries > 0]).toEqual([3, true]);
  const headers = { authorization: `Bearer ${TOKEN}` };
  const { text } = await http(server.endpoint, { method: 'GET', path: '/admin/metrics', headers });
  expect(text).toContain('wavehall_ready 1');
  for (const name of [
    'deliveries_total',
    'fan_out_seconds_total',
    'messages_sent_total',
    'connections_opened_total',
    'http_requests_total',
  ])
    expect(metric(text, `wavehall_${name}`) || 0).toBe(0);
  await load.close();
  await server.close();
}, 60_000);

it('3.13 the benchmark measures each way to distribute connections to workers', async () => {
  const { bench } = prepared;
  const rows = await scenarioNamed('workers').run(bench);
  const servers = new Set(rows.map(({ server }) => server));
  for (const server of ['one process', 'Wavehall', 'SCHED_NONE']) expect(servers).toContain(server);
  expect(rows.filter(({ value = NaN }) => !(value > 0 && Number.isFinite(value)))).toEqual([]);
}, 60_000);

it('3.13 worker threads generate the load when there is no compiler', async () => {
  const withoutCompiler = await prepare({ against: [], workers: true, sizes: { ...TINY, seconds: 0.4 } });
  try {
    const [floors] = withoutCompiler.bench.leftOut;
    expect(floors).toEqual({
      what: 'the C generator and the floor',
      why: '--workers was given',
    });
    for (const name of ['quiet', 'handshake', 'trigger', 'presence']) {
      const rows = await scenarioNamed(name).run(withoutCompiler.bench);
      expect(rows.map(({ server }) => server)).toContain('Wavehall');
      expect(rows.filter(({ value }) => value === undefined || !Number.isFinite(value))).toEqual([]);
    }
    // A round that a busy machine has spoiled is left out, too.
    const others = withoutCompiler.bench.leftOut.filter(({ what }) => !what.startsWith('a round of'));
    expect(others).toEqual([floors]);
  } finally {
    await withoutCompiler.close();
  }
}, 60_000);

test('3.13 every scenario is in the documentation and has a test', async () => {
  const document = await readFile('docs/performance.md', 'utf8');
  for (const { name } of SCENARIOS) expect(() => filled(document, name, '')).not.toThrow();
  // The scenario of several nodes is tested in cluster/cluster.test.ts.
  const tested = [...RULES.map(([, name]) => name), 'fan-out', 'workers', 'cross-node'];
  expect(SCENARIOS.map(({ name }) => name).sort()).toEqual(tested.sort());
});

test('7.2 the compiled generator signs channels and requests correctly', async ({ skip }) => {
  const native = compileNative();
  if (typeof native === 'string') {
    expect(process.env.CI).toBe(undefined);
    return skip(native);
  }
  const load = Load.start(other.endpoint, { name: 'C', command: [native.generator], core: undefined });
  expect(await load.run('open', { n: 20, presence: 1 })).toMatchObject({
    open: 20,
    failed: 0,
    firstError: '',
  });
  const churned = await load.run('churn', { inflight: 4, seconds: 0.2 });
  expect(churned).toMatchObject({ bad: 0, firstError: '' });
  // Each of the 20 subscribers receives member_added for each new member.
  expect(churned.arrivals).toBeGreaterThanOrEqual((churned.rounds - 4) * 20);
  expect(churned.rounds).toBeGreaterThan(0);
  const fannedOut = await load.run('fanout', { seconds: 0.2, burst: 4 });
  expect(fannedOut).toMatchObject({ whole: true, refused: 0, missing: 0, firstError: '' });
  expect(fannedOut.deliveries).toBe(fannedOut.events * 20);
  const posted = await load.run('post', { seconds: 0.2, batch: 10 });
  expect(posted).toMatchObject({ bad: 0, firstError: '' });
  expect(posted.rounds).toBeGreaterThan(0);
  await load.close();
});

test('7.2 a generator reports refused subscriptions', async () => {
  const wrong = { ...other.endpoint, secret: 'wrong' };
  const native = compileNative();
  const kinds = [workersKind(undefined).command, ...(typeof native === 'string' ? [] : [[native.generator]])];
  for (const command of kinds) {
    const load = Load.start(wrong, { name: '', command, core: undefined });
    const opened = await load.run('open', { n: 2, presence: 1 });
    expect(opened).toMatchObject({ open: 0, failed: 2 });
    expect(opened.firstError).not.toBe('');
    await load.close();
  }
});

test('3.13 the report names what is left out without a compiler or with few open files', () => {
  expect(compileNative('no-such-compiler')).toBe('there is no C compiler (no-such-compiler)');
  const { bench } = prepared;
  const [first] = bench.contestants;
  expect(bench.socketsOn({ ...first!, maxSockets: 7 }, 1000)).toBe(7);
  expect(bench.leftOut.at(-1)?.why).toBe('7 are possible with the open files');
});

test('3.13 the generator polls without sleeping only when it has a core of its own', async ({ skip }) => {
  expect(planPinning([0])).toMatchObject({ server: undefined, generator: undefined, isApart: false });
  expect(planPinning([0, 1], 'no-such-taskset')).toMatchObject({ generator: undefined, isApart: false });
  const native = compileNative();
  if (typeof native === 'string') {
    expect(process.env.CI).toBe(undefined);
    return skip(native);
  }
  const sleeping = await idleOf(native.generator, false);
  const polling = await idleOf(native.generator, true);
  expect(polling.serverUs).toBeGreaterThan(10 * sleeping.serverUs);
  // Polling does not count as work of the generator.
  expect(polling.ownUs).toBeGreaterThanOrEqual(0);
  expect(polling.ownUs).toBeLessThan(polling.serverUs / 10);
});

/** Measures an idle generator: it reports its own CPU time in place of a server's. */
async function idleOf(generator: string, isBusyPolling: boolean): Promise<Idle> {
  const load = Load.start(other.endpoint, {
    name: 'C',
    command: [generator],
    core: undefined,
    isBusyPolling,
  });
  const idle = await load.run('idle', { seconds: 0.3, pids: load.pid });
  await load.close();
  return idle;
}

test("3.13 --against needs every part of the server's address, and a running process if it names one", () => {
  const endpoint = { host: '127.0.0.1', port: 6001, id: 'i', key: 'k', secret: 's', prefix: '' };
  expect(parseAgainst('Reverb=localhost:6001,i,k,s')).toMatchObject({ name: 'Reverb', pid: 0, endpoint });
  expect(parseAgainst('R=127.0.0.1:6001,i,k,s,1,900')).toMatchObject({ pid: 1, maxSockets: 900 });
  expect(() => parseAgainst('127.0.0.1:6001,i,k,s')).toThrow('is not NAME=HOST:PORT,ID,KEY,SECRET');
  const gone = 4_000_000_000;
  expect(existsSync(`/proc/${gone}`)).toBe(false);
  expect(() => join(`R=127.0.0.1:6001,i,k,s,${gone}`, undefined)).toThrow(`R: there is no process ${gone}`);
});

test('3.13 a ratio is the median over rounds, and a goal is met or missed', () => {
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
  const least = (value: number | undefined): unknown =>
    goalsOf({ ...row, against: [], atMost: undefined, value, atLeast: 3 });
  expect(least(3)).toEqual([{ text: '>= 3 us', isMet: true }]);
  expect(least(2.9)).toEqual([{ text: '>= 3 us', isMet: false }]);
  expect(least(undefined)).toEqual([]);
});

test('3.13 table and documentation show the measured figures and what was left out', () => {
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

test('3.13 the cost model finds the two parameters that generated its points', () => {
  const points = [1, 10, 100, 1000].map((audience) => ({ audience, usPerEvent: 30 + 5 * audience }));
  const { usPerEvent, usPerDelivery } = fit(points);
  expect(usPerEvent).toBeCloseTo(30);
  expect(usPerDelivery).toBeCloseTo(5);
});
