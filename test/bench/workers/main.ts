/** The generator for machines without a C compiler: runs the commands of the C generator with worker threads. */
import { availableParallelism } from 'node:os';
import { createInterface } from 'node:readline';
import { Worker } from 'node:worker_threads';
import { cpuUs, quantile } from '../cluster/bench-cluster.ts';
import type { Endpoint } from '../../support/wire-http.ts';
import type { PublishResult, Share } from './share.ts';
import { sleep } from '../../../src/core/util/time.ts';

const [host = '', port = '', id = '', key = '', secret = ''] = process.argv.slice(2);
const endpoint: Endpoint = { host, port: Number(port), id, key, secret, prefix: '' };
const delivered = new Int32Array(new SharedArrayBuffer(4));
const from = new BigInt64Array(new SharedArrayBuffer(8));
const PROGRAM = new URL('./start.mjs', import.meta.url);

interface ThreadResult {
  readonly latenciesMs: readonly number[];
  readonly arrivals: number;
  readonly rounds: number;
  readonly bad: number;
  readonly open: number;
  readonly firstError: string;
}

/** One thread per core, including the core of the main thread. */
const threads = Array.from(
  { length: availableParallelism() },
  () => new Worker(PROGRAM, { workerData: { endpoint, delivered, from } }),
);

/** Sends a command to a thread and resolves with its answer. */
function call(thread: Worker, name: string, share?: object): Promise<unknown> {
  return new Promise((resolve) => {
    thread.once('message', resolve);
    thread.postMessage([name, share]);
  });
}

const callAll = (name: string, share?: (at: number) => object): Promise<unknown[]> =>
  Promise.all(threads.map((thread, at) => call(thread, name, share?.(at))));

type Parameters = ReadonlyMap<string, string>;

const numberOf = (parameters: Parameters, name: string, otherwise: number): number =>
  Number(parameters.get(name) ?? otherwise);

/** Runs a task and measures its duration and the CPU time of server and generator. */
async function interval(parameters: Parameters, task: () => Promise<unknown>): Promise<object> {
  const pids = (parameters.get('pids') ?? '').split(',').map(Number).filter(Boolean);
  const read = (): number => pids.map(cpuUs).reduce((sum, each) => sum + each, 0);
  const [server, own, began] = [read(), process.cpuUsage(), performance.now()];
  await task();
  const { user, system } = process.cpuUsage(own);
  return { seconds: (performance.now() - began) / 1000, serverUs: read() - server, ownUs: user + system };
}

async function clear(): Promise<void> {
  await callAll('clear');
  Atomics.store(delivered, 0, 0);
  from[0] = process.hrtime.bigint();
}

async function gather() {
  const all = (await callAll('found')) as ThreadResult[];
  const sum = (of: (found: ThreadResult) => number): number =>
    all.reduce((total, found) => total + of(found), 0);
  const latencies = all.flatMap(({ latenciesMs }) => latenciesMs);
  return {
    rounds: sum(({ rounds }) => rounds),
    bad: sum(({ bad }) => bad),
    arrivals: sum(({ arrivals }) => arrivals),
    open: sum(({ open }) => open),
    firstError: all.find(({ firstError }) => firstError !== '')?.firstError ?? '',
    ...spread(latencies),
  };
}

const spread = (values: readonly number[]) => ({
  meanMs: values.length === 0 ? 0 : values.reduce((sum, each) => sum + each, 0) / values.length,
  p50Ms: quantile(values, 0.5) ?? 0,
  p99Ms: quantile(values, 0.99) ?? 0,
  maxMs: quantile(values, 1) ?? 0,
});

let [prefix, on, opened] = ['', [0], 0];

/** Opens clients, spread over all threads in turn. */
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
  let answers: { open: number; failed: number; firstError: string; latenciesMs: number[] }[] = [];
  const time = await interval(parameters, async () => {
    answers = (await callAll('open', (at) => shares[at] as Share['open'])) as typeof answers;
  });
  return {
    ...time,
    open: answers.reduce((sum, each) => sum + each.open, 0),
    failed: answers.reduce((sum, each) => sum + each.failed, 0),
    firstError: answers.find(({ firstError }) => firstError !== '')?.firstError ?? '',
    ...spread(answers.flatMap(({ latenciesMs }) => latenciesMs)),
  };
}

async function close(): Promise<object> {
  await callAll('close');
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
  await call(publisher, 'publish', share(numberOf(parameters, 'warmup', 0.2)));
  await clear();
  let published = {} as PublishResult;
  const seconds = numberOf(parameters, 'seconds', 1);
  let inTime = 0;
  const timer = setTimeout(() => (inTime = Atomics.load(delivered, 0)), seconds * 1000);
  const time = await interval(parameters, async () => {
    published = (await call(publisher, 'publish', share(seconds))) as PublishResult;
  });
  clearTimeout(timer);
  const deliveries = Atomics.load(delivered, 0);
  const found = await gather();
  const { p50Ms: probeP50Ms, p99Ms: probeP99Ms } = spread(published.probesMs);
  return {
    ...found,
    ...time,
    events: published.events,
    deliveries,
    inTime: share(seconds).rate > 0 ? inTime : deliveries,
    missing: published.expected - deliveries,
    refused: published.refused,
    lost: published.lost,
    whole: deliveries >= published.expected && published.lost === 0,
    probes: published.probesMs.length,
    probeP50Ms,
    probeP99Ms,
  };
}

/** Runs closed loops of requests, handshakes or joins, spread over all threads. */
async function repeat(what: 'post' | 'handshake' | 'churn', parameters: Parameters): Promise<object> {
  const inflight = Math.ceil(numberOf(parameters, 'inflight', 16) / threads.length);
  const share: Share['begin'] = {
    what,
    inflight,
    bare: numberOf(parameters, 'bare', 0) > 0,
    batch: numberOf(parameters, 'batch', 0),
    plain: numberOf(parameters, 'plain', 0) > 0,
  };
  await callAll('begin', () => share);
  await sleep(numberOf(parameters, 'warmup', 0.2) * 1000);
  await clear();
  const time = await interval(parameters, () => sleep(numberOf(parameters, 'seconds', 1) * 1000));
  const found = await gather();
  await callAll('end');
  return { ...found, ...time };
}

async function idle(parameters: Parameters): Promise<object> {
  const [seconds, ping] = [numberOf(parameters, 'seconds', 1), numberOf(parameters, 'ping', 0)];
  let pings = 0;
  const time = await interval(parameters, async () => {
    const began = performance.now();
    for (let s = 0; s < seconds; s = (performance.now() - began) / 1000) {
      const count = ping > 0 ? Math.floor(((opened * s) / ping - pings) / threads.length) : 0;
      if (count > 0) await callAll('ping', () => ({ count }));
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
  idle,
  post: (parameters) => repeat('post', parameters),
  handshake: (parameters) => repeat('handshake', parameters),
  churn: (parameters) => repeat('churn', parameters),
};

for await (const line of createInterface(process.stdin)) {
  const [name = '', ...words] = line.split(' ');
  const parameters = new Map(words.map((word) => word.split('=') as [string, string]));
  console.log(JSON.stringify((await commands[name]?.(parameters)) ?? { error: 'no such command' }));
}
process.exit();
