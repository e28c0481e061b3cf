/** Kills Redis and starts it again while events are published: measures answers, lost events, false member changes, and how long each takes. */
import { Agent } from 'node:http';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { type Frame, dataOf, eventually } from '../../support/wire.ts';
import { type Endpoint, http, signedPath } from '../../support/wire-http.ts';
import { subscribeAll, cpuUs, type Figure, LightClient, quantile, BenchCluster } from './bench-cluster.ts';
import { sleep } from '../../../src/core/util/time.ts';

export interface Sizes {
  readonly channels: number;
  readonly perSecond: number;
  readonly outageSeconds: number;
  /** Redis starts again with its data (append-only file), or empty. */
  readonly keepsData: boolean;
}

const NODES = 3;
const ROOMS = 10;
const LIMIT_MS = 60_000;
const STEP_MS = 10;
/** After a loss of data no member change is sent for five seconds; a false one would come after that. */
const AFTER_MS = 7000;

interface Publish {
  readonly channel: string;
  readonly beganMs: number;
  endedMs: number;
  /** 0: no answer. */
  status: number;
  /** How often it arrived at its one subscriber. */
  arrived: number;
}

/** Publishes at a steady rate through all nodes in turn, however long the answers take. */
class Load {
  readonly publishes: Publish[] = [];
  readonly #endpoints: readonly Endpoint[];
  readonly #agent = new Agent({ keepAlive: true, maxSockets: Infinity });
  readonly #asking = new Set<Promise<void>>();
  readonly #timer: NodeJS.Timeout;

  constructor(site: BenchCluster, channels: readonly string[], perSecond: number) {
    this.#endpoints = site.nodes.map((_, at) => site.endpoint(at));
    const beganMs = performance.now();
    this.#timer = setInterval(() => {
      const due = ((performance.now() - beganMs) * perSecond) / 1000;
      while (this.publishes.length < due) {
        const channel = channels[Math.floor(Math.random() * channels.length)] ?? '';
        const asking = this.#publish(channel).finally(() => this.#asking.delete(asking));
        this.#asking.add(asking);
      }
    }, STEP_MS);
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await Promise.all(this.#asking);
    this.#agent.destroy();
  }

  async #publish(channel: string): Promise<void> {
    const n = this.publishes.length;
    const publish: Publish = { channel, beganMs: performance.now(), endedMs: 0, status: 0, arrived: 0 };
    this.publishes.push(publish);
    const body = JSON.stringify({ name: 'counted', channel, data: JSON.stringify({ n }) });
    const endpoint = this.#endpoints[n % this.#endpoints.length];
    if (endpoint === undefined) return;
    const path = signedPath(endpoint, 'POST', `/apps/${endpoint.id}/events`, [], body);
    const headers = { 'Content-Type': 'application/json' };
    const asked = http(endpoint, { method: 'POST', path, body, headers, agent: this.#agent });
    publish.status = await asked.then(
      ({ status }) => status,
      () => 0,
    );
    publish.endedMs = performance.now();
  }
}

/** Changes of members that the clients received since all were there. */
interface Told {
  news: number;
}

function settle(
  site: BenchCluster,
  channels: readonly string[],
  told: Told,
  load: () => Load | undefined,
): LightClient[] {
  const count = Math.max(NODES, Math.ceil(channels.length / 100));
  return Array.from({ length: count }, (_, at) => {
    const own = channels.filter((_channel, index) => index % count === at);
    const client = new LightClient(`u${at}`, site.endpoint(at % NODES), [
      ...own,
      `presence-room.${at % ROOMS}`,
    ]);
    client.onFrame = (frame: Frame) => {
      if (/member_(added|removed)$/.test(frame.event as string)) told.news += 1;
      if (frame.event !== 'counted') return;
      const publish = load()?.publishes[(dataOf(frame) as { n: number }).n];
      if (publish !== undefined) publish.arrived += 1;
    };
    return client;
  });
}

export async function redisKilled(sizes: Sizes): Promise<Figure[]> {
  const { perSecond, keepsData } = sizes;
  const site = await BenchCluster.open(NODES, {}, keepsData ? ['--appendonly', 'yes'] : []);
  const channels = Array.from({ length: sizes.channels }, (_, at) => `orders.${at}`);
  const told: Told = { news: 0 };
  let load: Load | undefined;
  const clients = settle(site, channels, told, () => load);
  try {
    await subscribeAll(clients, 10);
    load = new Load(site, channels, perSecond);
    await sleep(1000);
    told.news = 0;
    const delay = monitorEventLoopDelay();
    delay.enable();
    const cpu = cpuSeconds(site);
    const backMs = await outage(site, sizes.outageSeconds * 1000);
    await Promise.all(site.nodes.map((_, at) => ready(site.endpoint(at))));
    const readyMs = performance.now() - backMs;
    const spentSeconds = cpuSeconds(site) - cpu;
    await sleep(AFTER_MS);
    await load.stop();
    return await outcome(load.publishes, {
      backMs,
      readyMs,
      told,
      keepsData,
      stalledMs: delay.max / 1e6,
      spentSeconds,
    });
  } finally {
    await load?.stop();
    for (const client of clients) client.close();
    await site.close();
  }
}

const cpuSeconds = (site: BenchCluster): number =>
  site.nodes.reduce((total, { pid }) => total + cpuUs(pid) / 1e6, 0);

/** Resolves, once Redis answers again, with the time at which it did. */
async function outage(site: BenchCluster, lengthMs: number): Promise<number> {
  await site.redis.kill();
  await sleep(lengthMs);
  await site.redis.restart();
  return performance.now();
}

const ready = (endpoint: Endpoint): Promise<void> =>
  eventually(
    () =>
      http(endpoint, { method: 'GET', path: '/ready' }).then(
        ({ status }) => status === 200,
        () => false,
      ),
    `the node on port ${endpoint.port} is ready`,
    LIMIT_MS,
  );

interface Circumstances {
  readonly backMs: number;
  readonly readyMs: number;
  readonly told: Told;
  readonly keepsData: boolean;
  /** The longest time for which this process could not look. */
  readonly stalledMs: number;
  /** CPU of all nodes, from the kill until all were ready. */
  readonly spentSeconds: number;
}

async function outcome(
  publishes: readonly Publish[],
  { backMs, readyMs, told, keepsData, stalledMs, spentSeconds }: Circumstances,
): Promise<Figure[]> {
  const accepted = publishes.filter(({ status }) => status === 200);
  const missing = (): number => accepted.filter(({ arrived }) => arrived === 0).length;
  await eventually(() => missing() === 0, 'everything has arrived').catch(() => undefined);
  const took = publishes.map(({ beganMs, endedMs }) => endedMs - beganMs);
  const refused = publishes.filter(({ status }) => status === 503);
  const lastRefusalMs = Math.max(backMs, ...refused.map(({ endedMs }) => endedMs)) - backMs;
  const name = `Redis killed, back with ${keepsData ? 'its data' : 'nothing'}:`;
  const none = { unit: '', goal: '0' };
  return [
    { name: `${name} events published`, value: publishes.length, unit: '' },
    { name: `${name} answered 503`, value: refused.length, unit: '' },
    {
      name: `${name} longest API answer`,
      value: quantile(took, 1),
      unit: 'ms',
      goal: '<= 1500',
      more: { 'p99 ms': quantile(took, 0.99), 'this process stalled ms': stalledMs },
    },
    {
      name: `${name} neither 200 nor 503`,
      value: publishes.length - accepted.length - refused.length,
      ...none,
    },
    { name: `${name} false presence events`, value: told.news, ...none },
    { name: `${name} events lost`, value: missing(), ...none },
    {
      name: `${name} events told twice`,
      value: publishes.filter(({ arrived }) => arrived > 1).length,
      ...none,
    },
    {
      name: `${name} all nodes ready after`,
      value: readyMs,
      unit: 'ms',
      goal: '<= 3000',
      more: { 'CPU s of all nodes': spentSeconds },
    },
    { name: `${name} last 503 after`, value: lastRefusalMs, unit: 'ms', goal: '<= 3000' },
  ];
}
