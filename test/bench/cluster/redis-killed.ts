/** Kills and restarts Redis while events are published: measures API answers, lost events, false member changes, and the time to recover. */
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
  /** True: Redis restarts with its data (append-only file); false: empty. */
  readonly keepsData: boolean;
}

const NODES = 3;
const PRESENCE_CHANNELS = 10;
const LIMIT_MS = 60_000;
const STEP_MS = 10;
/** After a loss of data no member change is sent for five seconds; a false change would follow after that. */
const AFTER_MS = 7000;

interface Publish {
  readonly channel: string;
  readonly beganMs: number;
  endedMs: number;
  /** 0: no answer. */
  status: number;
  /** Number of deliveries to its one subscriber. */
  arrived: number;
}

/** Publishes at a fixed rate through all nodes in turn, without waiting for answers. */
class Load {
  readonly publishes: Publish[] = [];
  readonly #endpoints: readonly Endpoint[];
  readonly #agent = new Agent({ keepAlive: true, maxSockets: Infinity });
  readonly #pending = new Set<Promise<void>>();
  readonly #timer: NodeJS.Timeout;

  constructor(cluster: BenchCluster, channels: readonly string[], perSecond: number) {
    this.#endpoints = cluster.nodes.map((_, at) => cluster.endpoint(at));
    const beganMs = performance.now();
    this.#timer = setInterval(() => {
      const due = ((performance.now() - beganMs) * perSecond) / 1000;
      while (this.publishes.length < due) {
        const channel = channels[Math.floor(Math.random() * channels.length)] ?? '';
        const request = this.#publish(channel).finally(() => this.#pending.delete(request));
        this.#pending.add(request);
      }
    }, STEP_MS);
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await Promise.all(this.#pending);
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
    const answer = http(endpoint, { method: 'POST', path, body, headers, agent: this.#agent });
    publish.status = await answer.then(
      ({ status }) => status,
      () => 0,
    );
    publish.endedMs = performance.now();
  }
}

/** Number of member changes that the clients received after all had subscribed. */
interface MemberChanges {
  count: number;
}

/** Creates clients that share the channels and count deliveries and member changes. */
function createClients(
  cluster: BenchCluster,
  channels: readonly string[],
  memberChanges: MemberChanges,
  load: () => Load | undefined,
): LightClient[] {
  const count = Math.max(NODES, Math.ceil(channels.length / 100));
  return Array.from({ length: count }, (_, at) => {
    const own = channels.filter((_channel, index) => index % count === at);
    const client = new LightClient(`u${at}`, cluster.endpoint(at % NODES), [
      ...own,
      `presence-room.${at % PRESENCE_CHANNELS}`,
    ]);
    client.onFrame = (frame: Frame) => {
      if (/member_(added|removed)$/.test(frame.event as string)) memberChanges.count += 1;
      if (frame.event !== 'counted') return;
      const publish = load()?.publishes[(dataOf(frame) as { n: number }).n];
      if (publish !== undefined) publish.arrived += 1;
    };
    return client;
  });
}

export async function redisKilled(sizes: Sizes): Promise<Figure[]> {
  const { perSecond, keepsData } = sizes;
  const cluster = await BenchCluster.open(NODES, {}, keepsData ? ['--appendonly', 'yes'] : []);
  const channels = Array.from({ length: sizes.channels }, (_, at) => `orders.${at}`);
  const memberChanges: MemberChanges = { count: 0 };
  let load: Load | undefined;
  const clients = createClients(cluster, channels, memberChanges, () => load);
  try {
    await subscribeAll(clients, 10);
    load = new Load(cluster, channels, perSecond);
    await sleep(1000);
    memberChanges.count = 0;
    const delay = monitorEventLoopDelay();
    delay.enable();
    const cpu = cpuSeconds(cluster);
    const backMs = await outage(cluster, sizes.outageSeconds * 1000);
    await Promise.all(cluster.nodes.map((_, at) => ready(cluster.endpoint(at))));
    const readyMs = performance.now() - backMs;
    const spentSeconds = cpuSeconds(cluster) - cpu;
    await sleep(AFTER_MS);
    await load.stop();
    return await outcome(load.publishes, {
      backMs,
      readyMs,
      memberChanges,
      keepsData,
      stalledMs: delay.max / 1e6,
      spentSeconds,
    });
  } finally {
    await load?.stop();
    for (const client of clients) client.close();
    await cluster.close();
  }
}

const cpuSeconds = (cluster: BenchCluster): number =>
  cluster.nodes.reduce((total, { pid }) => total + cpuUs(pid) / 1e6, 0);

/** Stops Redis for a time. Resolves with the time at which Redis answers again. */
async function outage(cluster: BenchCluster, lengthMs: number): Promise<number> {
  await cluster.redis.kill();
  await sleep(lengthMs);
  await cluster.redis.restart();
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

interface OutageMeasurements {
  readonly backMs: number;
  readonly readyMs: number;
  readonly memberChanges: MemberChanges;
  readonly keepsData: boolean;
  /** Longest delay of this process's event loop. */
  readonly stalledMs: number;
  /** CPU time of all nodes, from the kill until all are ready. */
  readonly spentSeconds: number;
}

async function outcome(
  publishes: readonly Publish[],
  { backMs, readyMs, memberChanges, keepsData, stalledMs, spentSeconds }: OutageMeasurements,
): Promise<Figure[]> {
  const accepted = publishes.filter(({ status }) => status === 200);
  const missing = (): number => accepted.filter(({ arrived }) => arrived === 0).length;
  await eventually(() => missing() === 0, 'every accepted event has arrived').catch(() => undefined);
  const took = publishes.map(({ beganMs, endedMs }) => endedMs - beganMs);
  const refused = publishes.filter(({ status }) => status === 503);
  // SPEC 8.3: Redis ended while it had the event, so it is unknown whether it was published.
  const unknown = publishes.filter(({ status }) => status === 504);
  const lastRefusalMs = Math.max(backMs, ...refused.map(({ endedMs }) => endedMs)) - backMs;
  const name = `Redis killed, restarted ${keepsData ? 'with its data' : 'empty'}:`;
  const none = { unit: '', goal: '0' };
  return [
    { name: `${name} events published`, value: publishes.length, unit: '' },
    { name: `${name} answered 503`, value: refused.length, unit: '' },
    { name: `${name} answered 504`, value: unknown.length, unit: '' },
    {
      name: `${name} longest API answer`,
      value: quantile(took, 1),
      unit: 'ms',
      goal: '<= 1500',
      more: { 'p99 ms': quantile(took, 0.99), 'this process stalled ms': stalledMs },
    },
    {
      name: `${name} another answer, or none`,
      value: publishes.length - accepted.length - refused.length - unknown.length,
      ...none,
    },
    { name: `${name} false presence events`, value: memberChanges.count, ...none },
    { name: `${name} events lost`, value: missing(), ...none },
    {
      name: `${name} events delivered twice`,
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
