import { APP, APP_VARIABLES } from './app.ts';
import { FaultProxy } from './fault-proxy.ts';
import { type RedisTopology, SingleRedis } from './redis-topology.ts';
import { type TestRedis, startRedis } from './redis.ts';
import { type TestServer, startServer } from './server.ts';
import { type Answer, type Endpoint, http, publisher } from './wire-http.ts';
import { eventually } from './wire.ts';

/** Short enough for a test, long enough for a loaded machine; environment variables set other values for measurements. */
export const LEASE_MS = Number(process.env.FAULT_LEASE_MS ?? 2000);
export const REDIS_TIMEOUT_MS = Number(process.env.FAULT_REDIS_TIMEOUT_MS ?? 600);

const ADMIN_TOKEN = 'the-token-of-the-tests-long-enough';

export interface ClusterOptions {
  readonly nodes?: number;
  readonly env?: Readonly<Record<string, string>>;
  readonly redisArgs?: readonly string[];
  /** Starts the Redis topology; a single server by default. */
  readonly topology?: () => Promise<RedisTopology>;
}

/** One real server process, connected to Redis through its own proxy. */
export class TestNode {
  readonly index: number;
  readonly proxy: FaultProxy;
  readonly #env: Record<string, string>;
  #server: TestServer | undefined;
  #isFrozen = false;
  #mayFail = false;
  /** Number of times that it was killed or frozen. */
  outages = 0;

  constructor(index: number, proxy: FaultProxy, env: Record<string, string>) {
    this.index = index;
    this.proxy = proxy;
    this.#env = env;
  }

  /** Starts it; a restart uses the same port. */
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

  /** True while the test has killed or frozen it: its requests may fail then, which is not a violation. */
  get mayFail(): boolean {
    return this.#mayFail;
  }

  set mayFail(mayFail: boolean) {
    if (mayFail) this.outages += 1;
    this.#mayFail = mayFail;
  }

  get isUp(): boolean {
    return !this.mayFail;
  }

  /** Kills it with SIGKILL, as when its machine fails. */
  async kill(): Promise<void> {
    this.mayFail = true;
    this.server.kill('SIGKILL');
    await this.server.exited;
  }

  /** Stops the process with SIGSTOP; time continues meanwhile. */
  freeze(): void {
    this.mayFail = true;
    this.#isFrozen = true;
    this.server.kill('SIGSTOP');
  }

  resume(): void {
    this.server.kill('SIGCONT');
    this.#isFrozen = false;
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

  /** Resolves when it has answered /live, which does not use Redis. */
  async live(): Promise<void> {
    await http(this.endpoint, { method: 'GET', path: '/live' });
  }

  /** All metrics in Prometheus' format. */
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

  async notReady(limitMs = 10_000): Promise<void> {
    await eventually(
      async () => (await this.readiness()) === 503,
      `node ${this.index} is not ready`,
      limitMs,
    );
  }

  async close(): Promise<void> {
    if (this.#isFrozen) this.server.kill('SIGCONT');
    this.#server?.kill('SIGKILL');
    await this.#server?.exited;
    await this.proxy.close();
  }
}

/** Name of a node in the delivery log. */
export const nodeName = ({ index }: TestNode): string => `node ${index}`;

interface RedisParts {
  readonly topology: RedisTopology;
  readonly redis: TestRedis | undefined;
}

/** Redis and several real nodes that share it. */
export class Cluster {
  readonly topology: RedisTopology;
  readonly nodes: readonly TestNode[];
  readonly #redis: TestRedis | undefined;

  /** Number of partitions of the data in Redis. */
  readonly partitions: number;
  /** Time limit for answers of Redis. */
  readonly redisTimeoutMs: number;

  private constructor(
    redisParts: RedisParts,
    nodes: readonly TestNode[],
    env: Readonly<Record<string, string>>,
  ) {
    const { topology, redis } = redisParts;
    this.topology = topology;
    this.nodes = nodes;
    this.partitions = Number(env.WAVEHALL_REDIS_PARTITIONS ?? 16);
    this.redisTimeoutMs = Number(env.WAVEHALL_REDIS_TIMEOUT_MS);
    this.#redis = redis;
  }

  static async start({
    nodes = 3,
    env = {},
    redisArgs = [],
    topology,
  }: ClusterOptions = {}): Promise<Cluster> {
    const redis = topology === undefined ? await startRedis(redisArgs) : undefined;
    const started = redis === undefined ? await topology!() : new SingleRedis(redis);
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
        new TestNode(index, await FaultProxy.open(redis?.port ?? 1), {
          ...settings,
          ...(await started.env()),
        }),
      );
    // One node after another: on a loaded machine a starting node may reach its Redis timeout and exit.
    const cluster = new Cluster({ topology: started, redis }, all, settings);
    try {
      for (const node of all) await node.start();
    } catch (error) {
      await cluster.close();
      throw error;
    }
    return cluster;
  }

  /** The Redis server of a topology with a single one. */
  get redis(): TestRedis {
    if (this.#redis === undefined) throw new Error('this cluster has no single Redis server');
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

  /** Removes the network faults that a failed test may have left. */
  heal(): void {
    for (const { proxy } of this.nodes) proxy.heal();
    this.topology.heal();
  }

  async close(): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.close()));
    await this.topology.close();
  }
}
