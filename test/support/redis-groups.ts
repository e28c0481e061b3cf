import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import type { SelfSigned } from './certificates.ts';
import { FaultProxy } from './fault-proxy.ts';
import { freePort } from './free-port.ts';
import { startRedis, type TestRedis } from './redis.ts';
import { eventually } from './wire.ts';

const SLOTS = 16_384;
const READY_MS = 20_000;

/** A master, a replica, and Sentinels that monitor them. */
export interface TestSentinels {
  readonly servers: readonly TestRedis[];
  /** For `WAVEHALL_REDIS_SENTINELS`. */
  readonly addresses: readonly { readonly host: string; readonly port: number }[];
  /** The current master according to the Sentinels. */
  master(): Promise<TestRedis>;
  /** With `isLinked`: proxy, at the announced address, through which replica and Sentinels reach the first server. */
  readonly link: FaultProxy | undefined;
  /** Forces a failover although the master is up. */
  failOver(): Promise<void>;
  close(): Promise<void>;
}

export const MASTER_NAME = 'main';

export interface SentinelOptions {
  readonly password?: string;
  readonly isLinked?: boolean;
  /** Arguments for the two servers. */
  readonly args?: readonly string[];
  /** Servers and Sentinels use TLS with each other, and `addresses` require it. */
  readonly tlsFiles?: SelfSigned;
}

/** Arguments for a TLS port beside the plain one, which the test itself uses. */
const tlsArgs = ({ certificate, key }: SelfSigned, port: number): string[] => [
  ...['--tls-port', `${port}`, '--tls-cert-file', certificate, '--tls-key-file', key],
  ...['--tls-ca-cert-file', certificate, '--tls-auth-clients', 'no'],
];

export async function startSentinels(options: SentinelOptions = {}): Promise<TestSentinels> {
  const args = [...FAST_SYNC, ...(options.args ?? [])];
  const { tlsFiles } = options;
  const serverArgs = async (): Promise<{ port: number | undefined; args: string[] }> => {
    if (tlsFiles === undefined) return { port: undefined, args };
    const port = await freePort();
    return { port, args: [...args, ...tlsArgs(tlsFiles, port), '--tls-replication', 'yes'] };
  };
  const [one, two] = [await serverArgs(), await serverArgs()];
  const first = await startRedis(one.args);
  const link = options.isLinked === true ? await FaultProxy.open(first.port) : undefined;
  const firstPort = one.port ?? link?.port ?? first.port;
  if (link !== undefined) await announcePort(first, link.port);
  const replica = await startRedis(['--replicaof', '127.0.0.1', `${firstPort}`, ...two.args]);
  const replicaPort = two.port ?? replica.port;
  await waitForReplica(first);
  const servers = [first, replica];
  const addresses = await sentinelAddresses(tlsFiles !== undefined);
  const sentinels = await Promise.all(
    addresses.map((self) => startSentinel({ self, all: addresses, firstPort, replicaPort, ...options })),
  );
  const auth = options.password === undefined ? {} : { password: options.password };
  await Promise.all(sentinels.map(({ port }) => shortenPeriods({ port, ...auth })));
  const query = async <T>(task: (sentinel: Redis) => Promise<T>): Promise<T> => {
    const client = new Redis({ port: sentinels[0]?.port ?? 0, host: '127.0.0.1', ...auth });
    try {
      return await task(client);
    } finally {
      client.disconnect();
    }
  };
  await eventually(
    () => query(async (client) => hasDiscoveredAll(await client.call('SENTINEL', 'MASTER', MASTER_NAME))),
    'each Sentinel has discovered the others and the replica',
    READY_MS,
  );
  return {
    servers,
    addresses: addresses.map(({ port, securePort }) => ({ host: '127.0.0.1', port: securePort ?? port })),
    async master() {
      const found = await query((client) => client.call('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', MASTER_NAME));
      const port = Number((found as string[])[1]);
      const server = new Map([
        ...servers.map((each) => [each.port, each] as const),
        [firstPort, first],
        [replicaPort, replica],
      ]).get(port);
      if (server === undefined) throw new Error(`No server has port ${port}`);
      return server;
    },
    link,
    failOver: () =>
      query(async (client) => {
        await client.call('SENTINEL', 'FAILOVER', MASTER_NAME);
      }),
    async close() {
      await Promise.all([...servers, ...sentinels].map((each) => each.close()));
      await link?.close();
    },
  };
}

/** Shortens a Sentinel's periods from 10 seconds; does nothing before Redis 7, which introduced the command. */
async function shortenPeriods(sentinel: {
  readonly port: number;
  readonly password?: string;
}): Promise<void> {
  const client = new Redis({ host: '127.0.0.1', ...sentinel });
  const periods = Object.entries({ 'info-period': 500, 'publish-period': 500, 'ping-period': 300 });
  await client.call('SENTINEL', 'DEBUG', ...periods.flat()).catch(() => undefined);
  client.disconnect();
}

/** Waits until the replica is online and has acknowledged within the last second. */
async function waitForReplica(master: TestRedis): Promise<void> {
  const client = new Redis(master.port, '127.0.0.1');
  try {
    await eventually(
      async () => /^slave0:.*state=online.*lag=[01]\b/m.test(await client.info('replication')),
      'the replica is online',
      READY_MS,
    );
  } finally {
    client.disconnect();
  }
}

/** Sets the port under which the Sentinels list this server when it is a replica. */
async function announcePort(server: TestRedis, port: number): Promise<void> {
  const client = new Redis(server.port, '127.0.0.1');
  await client.config('SET', 'replica-announce-port', port);
  client.disconnect();
}

function hasDiscoveredAll(answer: unknown): boolean {
  const fields = answer as string[];
  const valueOf = (name: string): number => Number(fields[fields.indexOf(name) + 1]);
  return valueOf('num-slaves') === 1 && valueOf('num-other-sentinels') === 2;
}

interface SentinelAddress {
  readonly id: string;
  readonly port: number;
  readonly securePort: number | undefined;
}

/** Chooses ids and ports in advance for the configuration of all Sentinels: discovery would take 10 seconds. */
const sentinelAddresses = (isSecure: boolean): Promise<SentinelAddress[]> =>
  Promise.all(
    Array.from({ length: 3 }, async () => ({
      id: randomBytes(20).toString('hex'),
      port: await freePort(),
      securePort: isSecure ? await freePort() : undefined,
    })),
  );

interface SentinelStart extends SentinelOptions {
  readonly self: SentinelAddress;
  readonly all: readonly SentinelAddress[];
  readonly firstPort: number;
  readonly replicaPort: number;
}

function startSentinel(start: SentinelStart): Promise<TestRedis> {
  const { self, all, firstPort, replicaPort, password, tlsFiles } = start;
  const others = all.filter((each) => each !== self);
  const secured = tlsFiles && self.securePort !== undefined ? tlsArgs(tlsFiles, self.securePort) : [];
  const lines = [
    `port ${self.port}`,
    'bind 127.0.0.1',
    `sentinel myid ${self.id}`,
    `sentinel monitor ${MASTER_NAME} 127.0.0.1 ${firstPort} 2`,
    `sentinel down-after-milliseconds ${MASTER_NAME} 1000`,
    `sentinel failover-timeout ${MASTER_NAME} 5000`,
    `sentinel known-replica ${MASTER_NAME} 127.0.0.1 ${replicaPort}`,
    ...others.map(
      ({ id, port, securePort }) =>
        `sentinel known-sentinel ${MASTER_NAME} 127.0.0.1 ${securePort ?? port} ${id}`,
    ),
    ...(password === undefined ? [] : [`requirepass ${password}`, `sentinel sentinel-pass ${password}`]),
  ];
  return startRedis(
    [...secured, ...(secured.length > 0 ? ['--tls-replication', 'yes'] : [])],
    (folder) => {
      const file = join(folder, 'sentinel.conf');
      writeFileSync(file, [`dir ${folder}`, ...lines].map((line) => `${line}\n`).join(''));
      return [file, '--sentinel'];
    },
    self.port,
  );
}

/** Redis Cluster: three masters that share the slots, and with `replicas` one replica of each. */
export interface TestCluster {
  readonly masters: readonly TestRedis[];
  readonly replicas: readonly TestRedis[];
  readonly addresses: readonly { readonly host: string; readonly port: number }[];
  advanceTime(seconds: number): Promise<void>;
  close(): Promise<void>;
}

const FAST_SYNC = ['--repl-diskless-sync-delay', '0'];
const CLUSTER = ['--cluster-enabled', 'yes', '--cluster-node-timeout', '1500', ...FAST_SYNC];

/** Starts a Redis Cluster. `tlsFiles`: its servers use TLS with each other, and `addresses` require it. */
export async function startCluster(
  options: { replicas?: boolean; tlsFiles?: SelfSigned } = {},
): Promise<TestCluster> {
  const { tlsFiles } = options;
  const securePorts = new Map<TestRedis, number>();
  const start = async (): Promise<TestRedis> => {
    const port = await freePort();
    const secured =
      tlsFiles === undefined
        ? []
        : [...tlsArgs(tlsFiles, port), '--tls-cluster', 'yes', '--tls-replication', 'yes'];
    const server = await startRedis([...CLUSTER, ...secured, '--cluster-port', `${await freePort()}`]);
    if (tlsFiles !== undefined) securePorts.set(server, port);
    return server;
  };
  const portOf = (server: TestRedis): number => securePorts.get(server) ?? server.port;
  const masters = await Promise.all(Array.from({ length: 3 }, start));
  const replicas = options.replicas === true ? await Promise.all(Array.from({ length: 3 }, start)) : [];
  const all = [...masters, ...replicas];
  const clients = all.map(({ port }) => new Redis(port, '127.0.0.1'));
  try {
    await formCluster(masters.map(portOf), clients);
    await attachReplicas(clients.slice(0, 3), clients.slice(3));
  } finally {
    for (const client of clients) client.disconnect();
  }
  const addresses = masters.map((server) => ({ host: '127.0.0.1', port: portOf(server) }));
  return {
    masters,
    replicas,
    addresses,
    async advanceTime(seconds) {
      await Promise.all(masters.map((each) => each.advanceTime(seconds)));
    },
    async close() {
      await Promise.all(all.map((each) => each.close()));
    },
  };
}

/** Connects all servers to the first and assigns the slots to the masters. */
async function formCluster(masters: readonly number[], clients: readonly Redis[]): Promise<void> {
  const [first] = clients;
  const port = masters[0] ?? 0;
  const busPort = Number(((await first?.config('GET', 'cluster-port')) as string[])[1]);
  for (const client of clients.slice(1)) await client.call('CLUSTER', 'MEET', '127.0.0.1', port, busPort);
  const share = Math.ceil(SLOTS / masters.length);
  for (const [at, client] of clients.slice(0, masters.length).entries()) {
    const end = Math.min(SLOTS, (at + 1) * share) - 1;
    await client.call('CLUSTER', 'ADDSLOTSRANGE', at * share, end);
    await client.call('CLUSTER', 'SET-CONFIG-EPOCH', at + 1).catch(() => undefined);
  }
  for (const client of clients) {
    await eventually(
      async () => {
        const info = await client.cluster('INFO');
        return info.includes('cluster_state:ok') && info.includes(`cluster_known_nodes:${clients.length}`);
      },
      'all servers are in the cluster',
      READY_MS,
    );
  }
}

async function attachReplicas(masters: readonly Redis[], replicas: readonly Redis[]): Promise<void> {
  for (const [at, replica] of replicas.entries()) {
    const id = String(await masters[at]?.call('CLUSTER', 'MYID'));
    await eventually(
      () =>
        replica.call('CLUSTER', 'REPLICATE', id).then(
          () => true,
          () => false,
        ),
      'the replica accepts its master',
      READY_MS,
    );
    await eventually(
      async () => (await replica.info('replication')).includes('master_link_status:up'),
      'the replica is connected to its master',
      READY_MS,
    );
  }
}
