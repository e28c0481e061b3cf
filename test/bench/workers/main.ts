/** The commands of the C generator, obeyed by worker threads: the same lines in, the same objects out. */
import { availableParallelism } from 'node:os';
import { createInterface } from 'node:readline';
import { Worker } from 'node:worker_threads';
import { cpuUs, quantile } from '../cluster/bench-cluster.ts';
import type { Endpoint } from '../../support/wire-http.ts';
import type { Driven, Share } from './share.ts';
import { sleep } from '../../../src/core/util/time.ts';

const [host = '', port = '', id = '', key = '', secret = ''] = process.argv.slice(2);
const endpoint: Endpoint = { host, port: Number(port), id, key, secret, prefix: '' };
const delivered = new Int32Array(new SharedArrayBuffer(4));
const from = new BigInt64Array(new SharedArrayBuffer(8));
const PROGRAM = new URL('./start.mjs', import.meta.url);

interface Found {
  readonly latenciesMs: readonly number[];
  readonly arrivals: number;
  readonly rounds: number;
  readonly bad: number;
  readonly open: number;
  readonly complaint: string;
}

/** As many as there are cores for it, the main thread's is theirs too. */
const threads = Array.from(
  { length: availableParallelism() },
  () => new Worker(PROGRAM, { workerData: { endpoint, delivered, from } }),
);

function tell(thread: Worker, name: string, share?: object): Promise<unknown> {
  return new Promise((resolve) => {
    thread.once('message', resolve);
    thread.postMessage([name, share]);
  });
}

const tellAll = (name: string, share?: (at: number) => object): Promise<unknown[]> =>
  Promise.all(threads.map((thread, at) => tell(thread, name, share?.(at))));

type Parameters = ReadonlyMap<string, string>;

const numberOf = (parameters: Parameters, name: string, otherwise: number): number =>
  Number(parameters.get(name) ?? otherwise);

/** Runs the task, and says what it took of time here and in the server. */
async function interval(parameters: Parameters, task: () => Promise<unknown>): Promise<object> {
  const pids = (parameters.get('pids') ?? '').split(',').map(Number).filter(Boolean);
  const read = (): number => pids.map(cpuUs).reduce((sum, each) => sum + each, 0);
  const [server, own, began] = [read(), process.cpuUsage(), performance.now()];
  await task();
  const { user, system } = process.cpuUsage(own);
  return { seconds: (performance.now() - began) / 1000, serverUs: read() - server, ownUs: user + system };
}

async function clear(): Promise<void> {
  await tellAll('clear');
  Atomics.store(delivered, 0, 0);
  from[0] = process.hrtime.bigint();
}

async function gather() {
  const all = (await tellAll('found')) as Found[];
  const sum = (of: (found: Found) => number): number => all.reduce((total, found) => total + of(found), 0);
  const latencies = all.flatMap(({ latenciesMs }) => latenciesMs);
  return {
    rounds: sum(({ rounds }) => rounds),
    bad: sum(({ bad }) => bad),
    arrivals: sum(({ arrivals }) => arrivals),
    open: sum(({ open }) => open),
    complaint: all.find(({ complaint }) => complaint !== '')?.complaint ?? '',
    ...spread(latencies),
  };
}

const spread = (values: readonly number[]) => ({
  p50Ms: quantile(values, 0.5) ?? 0,
  p99Ms: quantile(values, 0.99) ?? 0,
  maxMs: quantile(values, 1) ?? 0,
});

let [prefix, on, opened] = ['', [0], 0];

/** Every thread takes its turn in the row of clients. */
async function open(parameters: Parameters): Promise<object> {
  const [n, channels, per] = [
    numberOf(parameters, 'n', 1),
    numberOf(parameters, 'channels', 1),
    numberOf(parameters, 'per', 1),
  ];
  prefix = numberOf(parameters, 'presence', 0) > 0 ? 'presence-' : '';
  if (on.length !== channels || opened === 0) on = new Array<number>(channels).fill(0);
  const shares = threads.map(() => ({ indices: [] as number[], channelsOf: [] as string[][], together: 64 }));
  for (let index = opened; index < opened + n; index += 1) {
    const own = Array.from({ length: per }, (_, at) => (index * per + at) % channels);
    for (const channel of own) on[channel] = (on[channel] ?? 0) + 1;
    const share = shares[index % shares.length];
    share?.indices.push(index);
    share?.channelsOf.push(own.map((channel) => `${prefix}bench-${channel}`));
  }
  opened += n;
  let answers: { open: number; failed: number; complaint: string }[] = [];
  const time = await interval(parameters, async () => {
    answers = (await tellAll('open', (at) => shares[at] as Share['open'])) as typeof answers;
  });
  return {
    ...time,
    open: answers.reduce((sum, each) => sum + each.open, 0),
    failed: answers.reduce((sum, each) => sum + each.failed, 0),
    complaint: answers.find(({ complaint }) => complaint !== '')?.complaint ?? '',
  };
}

async function close(): Promise<object> {
  await tellAll('close');
  [on, opened] = [[0], 0];
  return {};
}

async function fanout(parameters: Parameters): Promise<object> {
  const share = (seconds: number): Share['publish'] => ({
    burst: numberOf(parameters, 'burst', 1),
    batch: numberOf(parameters, 'batch', 0),
    size: numberOf(parameters, 'size', 256),
    rate: numberOf(parameters, 'rate', 0),
    probe: numberOf(parameters, 'probe', 0),
    seconds,
    on,
    prefix,
  });
  const [publisher] = threads as [Worker];
  await clear();
  await tell(publisher, 'publish', share(numberOf(parameters, 'warmup', 0.2)));
  await clear();
  let driven = {} as Driven;
  const seconds = numberOf(parameters, 'seconds', 1);
  let inTime = 0;
  const over = setTimeout(() => (inTime = Atomics.load(delivered, 0)), seconds * 1000);
  const time = await interval(parameters, async () => {
    driven = (await tell(publisher, 'publish', share(seconds))) as Driven;
  });
  clearTimeout(over);
  const deliveries = Atomics.load(delivered, 0);
  const found = await gather();
  const { p50Ms: probeP50Ms, p99Ms: probeP99Ms } = spread(driven.probesMs);
  return {
    ...found,
    ...time,
    events: driven.events,
    deliveries,
    inTime: share(seconds).rate > 0 ? inTime : deliveries,
    missing: driven.expected - deliveries,
    refused: driven.refused,
    lost: driven.lost,
    whole: deliveries >= driven.expected && driven.lost === 0,
    probes: driven.probesMs.length,
    probeP50Ms,
    probeP99Ms,
  };
}

/** Many that each do the same over and over, each thread its share of them. */
async function repeat(what: 'post' | 'visit' | 'churn', parameters: Parameters): Promise<object> {
  const inflight = Math.ceil(numberOf(parameters, 'inflight', 16) / threads.length);
  const share: Share['begin'] = {
    what,
    inflight,
    bare: numberOf(parameters, 'bare', 0) > 0,
    batch: numberOf(parameters, 'batch', 0),
    plain: numberOf(parameters, 'plain', 0) > 0,
  };
  await tellAll('begin', () => share);
  await sleep(numberOf(parameters, 'warmup', 0.2) * 1000);
  await clear();
  const time = await interval(parameters, () => sleep(numberOf(parameters, 'seconds', 1) * 1000));
  const found = await gather();
  await tellAll('end');
  return { ...found, ...time };
}

async function rest(parameters: Parameters): Promise<object> {
  const [seconds, ping] = [numberOf(parameters, 'seconds', 1), numberOf(parameters, 'ping', 0)];
  let pings = 0;
  const time = await interval(parameters, async () => {
    const began = performance.now();
    for (let s = 0; s < seconds; s = (performance.now() - began) / 1000) {
      const count = ping > 0 ? Math.floor(((opened * s) / ping - pings) / threads.length) : 0;
      if (count > 0) await tellAll('ping', () => ({ count }));
      pings += count * threads.length;
      await sleep(20);
    }
  });
  const found = await gather();
  return { ...found, ...time, pings };
}

const commands: Record<string, (parameters: Parameters) => Promise<object>> = {
  open,
  close,
  fanout,
  rest,
  post: (parameters) => repeat('post', parameters),
  visit: (parameters) => repeat('visit', parameters),
  churn: (parameters) => repeat('churn', parameters),
};

for await (const line of createInterface(process.stdin)) {
  const [name = '', ...words] = line.split(' ');
  const parameters = new Map(words.map((word) => word.split('=') as [string, string]));
  console.log(JSON.stringify((await commands[name]?.(parameters)) ?? { error: 'no such command' }));
}
process.exit();
