import { Cluster as RedisCluster, Redis } from 'ioredis';
import { FaultProxy } from './fault-proxy.ts';
import {
  MASTER_NAME,
  startCluster,
  startSentinels,
  type SentinelOptions,
  type TestCluster,
  type TestSentinels,
} from './redis-groups.ts';
import type { TestRedis } from './redis.ts';
import { SentinelView } from './sentinel-view.ts';

export type RedisClient = Redis | RedisCluster;

/** Redis of a cluster: a single server, Sentinel or Redis Cluster, with its own connection path for each node. */
export interface RedisTopology {
  /** Settings for a new node. */
  env(): Promise<Record<string, string>>;
  /** Runs commands on the current master; `servers` are all masters. */
  run<T>(task: (client: RedisClient, servers: readonly Redis[]) => Promise<T>): Promise<T>;
  heal(): void;
  close(): Promise<void>;
}

async function withClient<T, C extends RedisClient>(client: C, task: (client: C) => Promise<T>): Promise<T> {
  client.on('error', () => undefined);
  try {
    return await task(client);
  } finally {
    client.disconnect();
  }
}

const clientOf = ({ port }: { readonly port: number }): Redis =>
  new Redis(port, '127.0.0.1', { maxRetriesPerRequest: 3 });

/** One server; each node reaches it through its own proxy, whose port is its `REDIS_PORT`. */
export class SingleRedis implements RedisTopology {
  readonly #redis: TestRedis;

  constructor(redis: TestRedis) {
    this.#redis = redis;
  }

  env(): Promise<Record<string, string>> {
    return Promise.resolve({});
  }

  run<T>(task: (client: RedisClient, servers: readonly Redis[]) => Promise<T>): Promise<T> {
    return withClient(clientOf(this.#redis), (client) => task(client, [client]));
  }

  heal(): void {
    // The cluster heals the proxies of its nodes.
  }

  close(): Promise<void> {
    return this.#redis.close();
  }
}

/** Proxies of one node: to the two servers, and to the Sentinels. */
export interface NodeProxies {
  readonly first: FaultProxy;
  readonly second: FaultProxy;
  readonly view: SentinelView;
}

/** A master, a replica and Sentinels. The replica and the Sentinels reach the first server through `group.link`. */
export class SentinelRedis implements RedisTopology {
  readonly group: TestSentinels & { readonly link: FaultProxy };
  /** One for each node, in start order. */
  readonly proxies: NodeProxies[] = [];

  private constructor(group: TestSentinels & { readonly link: FaultProxy }) {
    this.group = group;
  }

  static async start(options: SentinelOptions = {}): Promise<SentinelRedis> {
    const group = await startSentinels({ ...options, isLinked: true });
    if (group.link === undefined) throw new Error('no link');
    return new SentinelRedis({ ...group, link: group.link });
  }

  async env(): Promise<Record<string, string>> {
    const { servers, link, addresses } = this.group;
    const [first, second] = await Promise.all(servers.map(({ port }) => FaultProxy.open(port)));
    const sentinel = addresses[0];
    if (first === undefined || second === undefined || sentinel === undefined) throw new Error('no servers');
    const proxyPorts = new Map([
      [servers[0]!.port, first.port],
      [link.port, first.port],
      [servers[1]!.port, second.port],
    ]);
    const view = await SentinelView.open(sentinel.port, proxyPorts);
    this.proxies.push({ first, second, view });
    return {
      WAVEHALL_REDIS_SENTINELS: `127.0.0.1:${view.port}`,
      WAVEHALL_REDIS_SENTINEL_NAME: MASTER_NAME,
    };
  }

  async run<T>(task: (client: RedisClient, servers: readonly Redis[]) => Promise<T>): Promise<T> {
    return withClient(clientOf(await this.group.master()), (client) => task(client, [client]));
  }

  heal(): void {
    this.group.link.heal();
    for (const { first, second, view } of this.proxies) {
      first.heal();
      second.heal();
      view.heal();
    }
  }

  async close(): Promise<void> {
    await Promise.all(
      this.proxies.flatMap(({ first, second, view }) => [first.close(), second.close(), view.close()]),
    );
    await this.group.close();
  }
}

/** A Redis Cluster, which nodes reach directly. */
export class ClusterRedis implements RedisTopology {
  readonly group: TestCluster;

  private constructor(group: TestCluster) {
    this.group = group;
  }

  static async start(options: { replicas?: boolean } = {}): Promise<ClusterRedis> {
    return new ClusterRedis(await startCluster(options));
  }

  env(): Promise<Record<string, string>> {
    const addresses = this.group.addresses.map(({ host, port }) => `${host}:${port}`);
    return Promise.resolve({ WAVEHALL_REDIS_CLUSTER: addresses.join() });
  }

  run<T>(task: (client: RedisClient, servers: readonly Redis[]) => Promise<T>): Promise<T> {
    const all = [...this.group.masters, ...this.group.replicas];
    const startup = all.map(({ port }) => ({ host: '127.0.0.1', port }));
    return withClient(
      new RedisCluster(startup, { redisOptions: { connectTimeout: 500 } }),
      async (client) => {
        await client.ping();
        return task(client, client.nodes('master'));
      },
    );
  }

  heal(): void {
    // There are no proxies.
  }

  close(): Promise<void> {
    return this.group.close();
  }
}
