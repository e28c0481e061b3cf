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

/** A master with replicas, and Sentinels that watch over it. */
export interface TestSentinels {
  readonly servers: readonly TestRedis[];
  /** For `WAVEHALL_REDIS_SENTINELS`. */
  readonly addresses: readonly { readonly host: string; readonly port: number }[];
  /** The one that is written to, as the Sentinels see it. */
  master(): Promise<TestRedis>;
  /** Where that is asked for: what replica and Sentinels reach the first server over, and are told as its address. */
  readonly link: FaultProxy | undefined;
  /** A Sentinel makes the replica the master, though nothing is wrong. */
  failOver(): Promise<void>;
  close(): Promise<void>;
}

export const MASTER_NAME = 'main';

export interface SentinelOptions {
  readonly password?: string;
  readonly isLinked?: boolean;
  /** Arguments for the two servers. */
  readonly args?: readonly string[];
  /** All speak TLS with each other, and `addresses` expect it. */
  readonly paper?: SelfSigned;
}

/** Besides the usual port, which the test itself uses. */
const secure = ({ certificate, key }: SelfSigned, port: number): string[] => [
  ...['--tls-port', `${port}`, '--tls-cert-file', certificate, '--tls-key-file', key],
  ...['--tls-ca-cert-file', certificate, '--tls-auth-clients', 'no'],
];

export async function startSentinels(options: SentinelOptions = {}): Promise<TestSentinels> {
  const args = [...HASTY, ...(options.args ?? [])];
  const { paper } = options;
  const secured = async (): Promise<{ port: number | undefined; args: string[] }> => {
    if (paper === undefined) return { port: undefined, args };
    const port = await freePort();
    return { port, args: [...args, ...secure(paper, port), '--tls-replication', 'yes'] };
  };
  const [one, two] = [await secured(), await secured()];
  const first = await startRedis(one.args);
  const link = options.isLinked === true ? await FaultProxy.open(first.port) : undefined;
  const firstPort = one.port ?? link?.port ?? first.port;
  if (link !== undefined) await announce(first, link.port);
  const replica = await startRedis(['--replicaof', '127.0.0.1', `${firstPort}`, ...two.args]);
  const replicaPort = two.port ?? replica.port;
  await followed(first);
  const servers = [first, replica];
  const acquainted = await acquaintances(paper !== undefined);
  const sentinels = await Promise.all(
    acquainted.map((self) => startSentinel({ self, acquainted, firstPort, replicaPort, ...options })),
  );
  const auth = options.password === undefined ? {} : { password: options.password };
  await Promise.all(sentinels.map(({ port }) => hurry({ port, ...auth })));
  const ask = async <T>(question: (sentinel: Redis) => Promise<T>): Promise<T> => {
    const client = new Redis({ port: sentinels[0]?.port ?? 0, host: '127.0.0.1', ...auth });
    try {
      return await question(client);
    } finally {
      client.disconnect();
    }
  };
  await eventually(
    () => ask(async (client) => knowsAll(await client.call('SENTINEL', 'MASTER', MASTER_NAME))),
    'the Sentinels know each other and the replica',
    READY_MS,
  );
  return {
    servers,
    addresses: acquainted.map(({ port, securePort }) => ({ host: '127.0.0.1', port: securePort ?? port })),
    async master() {
      const found = await ask((client) => client.call('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', MASTER_NAME));
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
      ask(async (client) => {
        await client.call('SENTINEL', 'FAILOVER', MASTER_NAME);
      }),
    async close() {
      await Promise.all([...servers, ...sentinels].map((each) => each.close()));
      await link?.close();
    },
  };
}

/** A Sentinel asks every ten seconds, and acts after several of its turns; from Redis 7 on it can be told to hurry. */
async function hurry(sentinel: { readonly port: number; readonly password?: string }): Promise<void> {
  const client = new Redis({ host: '127.0.0.1', ...sentinel });
  const periods = Object.entries({ 'info-period': 500, 'publish-period': 500, 'ping-period': 300 });
  await client.call('SENTINEL', 'DEBUG', ...periods.flat()).catch(() => undefined);
  client.disconnect();
}

/** The replica has told its master, not long ago, how far it has come. */
async function followed(master: TestRedis): Promise<void> {
  const client = new Redis(master.port, '127.0.0.1');
  try {
    await eventually(
      async () => /^slave0:.*state=online.*lag=[01]\b/m.test(await client.info('replication')),
      'the replica follows',
      READY_MS,
    );
  } finally {
    client.disconnect();
  }
}

/** As a replica it is to be known by this port. */
async function announce(server: TestRedis, port: number): Promise<void> {
  const client = new Redis(server.port, '127.0.0.1');
  await client.config('SET', 'replica-announce-port', port);
  client.disconnect();
}

function knowsAll(answer: unknown): boolean {
  const fields = answer as string[];
  const valueOf = (name: string): number => Number(fields[fields.indexOf(name) + 1]);
  return valueOf('num-slaves') === 1 && valueOf('num-other-sentinels') === 2;
}

interface Acquaintance {
  readonly id: string;
  readonly port: number;
  readonly securePort: number | undefined;
}

/** By themselves they would take ten seconds to find each other. */
const acquaintances = (isSecure: boolean): Promise<Acquaintance[]> =>
  Promise.all(
    Array.from({ length: 3 }, async () => ({
      id: randomBytes(20).toString('hex'),
      port: await freePort(),
      securePort: isSecure ? await freePort() : undefined,
    })),
  );

interface SentinelStart extends SentinelOptions {
  readonly self: Acquaintance;
  readonly acquainted: readonly Acquaintance[];
  readonly firstPort: number;
  readonly replicaPort: number;
}

function startSentinel(start: SentinelStart): Promise<TestRedis> {
  const { self, acquainted, firstPort, replicaPort, password, paper } = start;
  const others = acquainted.filter((each) => each !== self);
  const secured = paper && self.securePort !== undefined ? secure(paper, self.securePort) : [];
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

/** Servers that share the slots; `replicas`: as many servers again that stand ready. */
export interface TestCluster {
  readonly masters: readonly TestRedis[];
  readonly replicas: readonly TestRedis[];
  readonly addresses: readonly { readonly host: string; readonly port: number }[];
  pass(seconds: number): Promise<void>;
  close(): Promise<void>;
}

const HASTY = ['--repl-diskless-sync-delay', '0'];
const CLUSTER = ['--cluster-enabled', 'yes', '--cluster-node-timeout', '1500', ...HASTY];

/** `paper`: its servers speak TLS with each other, and `addresses` expect it. */
export async function startCluster(
  options: { replicas?: boolean; paper?: SelfSigned } = {},
): Promise<TestCluster> {
  const { paper } = options;
  const securePorts = new Map<TestRedis, number>();
  const start = async (): Promise<TestRedis> => {
    const port = await freePort();
    const secured =
      paper === undefined ? [] : [...secure(paper, port), '--tls-cluster', 'yes', '--tls-replication', 'yes'];
    const server = await startRedis([...CLUSTER, ...secured, '--cluster-port', `${await freePort()}`]);
    if (paper !== undefined) securePorts.set(server, port);
    return server;
  };
  const portOf = (server: TestRedis): number => securePorts.get(server) ?? server.port;
  const masters = await Promise.all(Array.from({ length: 3 }, start));
  const replicas = options.replicas === true ? await Promise.all(Array.from({ length: 3 }, start)) : [];
  const all = [...masters, ...replicas];
  const clients = all.map(({ port }) => new Redis(port, '127.0.0.1'));
  try {
    await join3(masters.map(portOf), clients);
    await follow(clients.slice(0, 3), clients.slice(3));
  } finally {
    for (const client of clients) client.disconnect();
  }
  const addresses = masters.map((server) => ({ host: '127.0.0.1', port: portOf(server) }));
  return {
    masters,
    replicas,
    addresses,
    async pass(seconds) {
      await Promise.all(masters.map((each) => each.pass(seconds)));
    },
    async close() {
      await Promise.all(all.map((each) => each.close()));
    },
  };
}

/** Introduces all to the first, and gives each master its share of the slots. */
async function join3(masters: readonly number[], clients: readonly Redis[]): Promise<void> {
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
      'the cluster is whole',
      READY_MS,
    );
  }
}

async function follow(masters: readonly Redis[], replicas: readonly Redis[]): Promise<void> {
  for (const [at, replica] of replicas.entries()) {
    const id = String(await masters[at]?.call('CLUSTER', 'MYID'));
    await eventually(
      () =>
        replica.call('CLUSTER', 'REPLICATE', id).then(
          () => true,
          () => false,
        ),
      'the replica knows its master',
      READY_MS,
    );
    await eventually(
      async () => (await replica.info('replication')).includes('master_link_status:up'),
      'the replica has followed',
      READY_MS,
    );
  }
}
