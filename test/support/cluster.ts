import { APP, APP_VARIABLES } from './app.ts';
import { FaultProxy } from './fault-proxy.ts';
import { type RedisTopology, SingleRedis } from './redis-topology.ts';
import { type TestRedis, startRedis } from './redis.ts';
import { type TestServer, startServer } from './server.ts';
import { type Answer, type Endpoint, http, publisher } from './wire-http.ts';
import { eventually } from './wire.ts';

/** Short enough for a test, long enough for a machine with other things to do; or as somebody wants to measure them. */
export const LEASE_MS = Number(process.env.FAULT_LEASE_MS ?? 2000);
export const REDIS_TIMEOUT_MS = Number(process.env.FAULT_REDIS_TIMEOUT_MS ?? 600);

const ADMIN_TOKEN = 'the-token-of-the-tests-long-enough';

export interface ClusterOptions {
  readonly nodes?: number;
  readonly env?: Readonly<Record<string, string>>;
  readonly redisArgs?: readonly string[];
  /** In place of one server. */
  readonly ground?: () => Promise<RedisTopology>;
}

/** One real server process, which reaches Redis through a proxy of its own. */
export class TestNode {
  readonly index: number;
  readonly proxy: FaultProxy;
  readonly #env: Record<string, string>;
  #server: TestServer | undefined;
  #isStopped = false;
  #mayFail = false;
  /** How often it was ended or frozen. */
  troubles = 0;

  constructor(index: number, proxy: FaultProxy, env: Record<string, string>) {
    this.index = index;
    this.proxy = proxy;
    this.#env = env;
  }

  /** Also again, on the port that it had. */
  async start(): Promise<void> {
    const port = this.#server === undefined ? '0' : `${this.#server.port}`;
    this.#server = await startServer({
      ...this.#env,
      REDIS_PORT: `${this.proxy.port}`,
      REVERB_SERVER_PORT: port,
    });
    this.mayFail = false;
  }

  get server(): TestServer {
    if (this.#server === undefined) throw new Error(`node ${this.index} was never started`);
    return this.#server;
  }

  get endpoint(): Endpoint {
    return { ...APP, host: '127.0.0.1', port: this.server.port, prefix: '' };
  }

  /** Set by whoever ends or freezes it: that its requests fail meanwhile is no dishonesty. */
  get mayFail(): boolean {
    return this.#mayFail;
  }

  set mayFail(mayFail: boolean) {
    if (mayFail) this.troubles += 1;
    this.#mayFail = mayFail;
  }

  get isUp(): boolean {
    return !this.mayFail;
  }

  /** Without a word, as when the machine is gone. */
  async kill(): Promise<void> {
    this.mayFail = true;
    this.server.kill('SIGKILL');
    await this.server.exited;
  }

  /** Its clock goes on, it does not. */
  freeze(): void {
    this.mayFail = true;
    this.#isStopped = true;
    this.server.kill('SIGSTOP');
  }

  thaw(): void {
    this.server.kill('SIGCONT');
    this.#isStopped = false;
    this.mayFail = false;
  }

  get(path: string): Promise<Answer> {
    return publisher(this.endpoint).get(path);
  }

  post(path: string, body: unknown): Promise<Answer> {
    return publisher(this.endpoint).post(path, body);
  }

  /** The status of /up. */
  async health(): Promise<number> {
    return (await http(this.endpoint, { method: 'GET', path: '/up' })).status;
  }

  /** Resolves when it has answered /live, for which it asks nothing of Redis. */
  async live(): Promise<void> {
    await http(this.endpoint, { method: 'GET', path: '/live' });
  }

  /** All metrics, as Prometheus reads them. */
  async metrics(): Promise<string> {
    const headers = { authorization: `Bearer ${ADMIN_TOKEN}` };
    return (await http(this.endpoint, { method: 'GET', path: '/admin/metrics', headers })).text;
  }

  /** The status of /ready. */
  async readiness(): Promise<number> {
    return (await http(this.endpoint, { method: 'GET', path: '/ready' })).status;
  }

  async ready(limitMs = 10_000): Promise<void> {
    await eventually(
      async () => (await this.readiness()) === 200,
      () => `node ${this.index} is ready:\n${this.server.output().slice(-2000)}`,
      limitMs,
    );
  }

  async unready(limitMs = 10_000): Promise<void> {
    await eventually(
      async () => (await this.readiness()) === 503,
      `node ${this.index} says that it is not ready`,
      limitMs,
    );
  }

  async close(): Promise<void> {
    if (this.#isStopped) this.server.kill('SIGCONT');
    this.#server?.kill('SIGKILL');
    await this.#server?.exited;
    await this.proxy.close();
  }
}

/** Name of a node in logs of deliveries. */
export const nodeName = ({ index }: TestNode): string => `node ${index}`;

interface Below {
  readonly ground: RedisTopology;
  readonly redis: TestRedis | undefined;
}

/** A Redis and several real nodes over it. */
export class Cluster {
  readonly ground: RedisTopology;
  readonly nodes: readonly TestNode[];
  readonly #redis: TestRedis | undefined;

  /** Parts that the data is cut into. */
  readonly partitions: number;
  /** Time for Redis' answers. */
  readonly redisTimeoutMs: number;

  private constructor(below: Below, nodes: readonly TestNode[], env: Readonly<Record<string, string>>) {
    const { ground, redis } = below;
    this.ground = ground;
    this.nodes = nodes;
    this.partitions = Number(env.WAVEHALL_REDIS_PARTITIONS ?? 16);
    this.redisTimeoutMs = Number(env.WAVEHALL_REDIS_TIMEOUT_MS);
    this.#redis = redis;
  }

  static async start({ nodes = 3, env = {}, redisArgs = [], ground }: ClusterOptions = {}): Promise<Cluster> {
    const redis = ground === undefined ? await startRedis(redisArgs) : undefined;
    const below = redis === undefined ? await ground!() : new SingleRedis(redis);
    const settings: Readonly<Record<string, string>> = {
      ...APP_VARIABLES,
      REVERB_SCALING_ENABLED: 'true',
      WAVEHALL_ADMIN_TOKEN: ADMIN_TOKEN,
      REDIS_HOST: '127.0.0.1',
      WAVEHALL_LEASE_SECONDS: `${LEASE_MS / 1000}`,
      WAVEHALL_REDIS_TIMEOUT_MS: `${REDIS_TIMEOUT_MS}`,
      WAVEHALL_HISTORY_SIZE: '1000',
      WAVEHALL_DRAIN_SECONDS: '1',
      ...env,
    };
    const all: TestNode[] = [];
    for (let index = 0; index < nodes; index += 1)
      all.push(
        new TestNode(index, await FaultProxy.open(redis?.port ?? 1), { ...settings, ...(await below.env()) }),
      );
    // A node that has no time for itself while it starts may find that Redis does not answer, and end. One after another.
    const cluster = new Cluster({ ground: below, redis }, all, settings);
    try {
      for (const node of all) await node.start();
    } catch (error) {
      await cluster.close();
      throw error;
    }
    return cluster;
  }

  /** Where there is but one server. */
  get redis(): TestRedis {
    if (this.#redis === undefined) throw new Error('There is more than one server');
    return this.#redis;
  }

  node(index: number): TestNode {
    const node = this.nodes[index];
    if (node === undefined) throw new Error(`no node ${index}`);
    return node;
  }

  get up(): readonly TestNode[] {
    return this.nodes.filter((node) => node.isUp);
  }

  async ready(limitMs?: number): Promise<void> {
    await Promise.all(this.up.map((node) => node.ready(limitMs)));
  }

  /** Brings back what a test that failed may have left broken. */
  heal(): void {
    for (const { proxy } of this.nodes) proxy.heal();
    this.ground.heal();
  }

  async close(): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.close()));
    await this.ground.close();
  }
}
