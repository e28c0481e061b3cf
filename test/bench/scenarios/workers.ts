/** Ways to distribute connections to the workers of one machine: the cost of a handshake, and how even each is. */
import { readdirSync, readlinkSync } from 'node:fs';
import { APP, APP_VARIABLES } from '../../support/app.ts';
import { childrenOf } from '../../support/processes.ts';
import { freePort } from '../../support/free-port.ts';
import { startRedis, type TestRedis } from '../../support/redis.ts';
import { startServer } from '../../support/server.ts';
import type { Bench, Scenario } from '../bench.ts';
import { cpuUs } from '../cluster/bench-cluster.ts';
import { isRunning, MEASURES_CPU } from '../contestants.ts';
import type { Row } from '../figures.ts';
import { interleave, refuse, type LoadedServer, closeClients } from '../rounds.ts';
import { type Found, perUnit, rowsOf } from '../rows.ts';

const WORKERS = 4;
const CROWD = 400;

/** One server with its workers; alone, it is its only one. */
interface Staffed extends LoadedServer {
  readonly workers: readonly number[];
}

interface Way {
  readonly name: string;
  readonly role: 'floor' | 'wavehall' | 'other';
  readonly workers: number;
  readonly env?: Readonly<Record<string, string>>;
}

const REUSE_PORT = new URL('../servers/reuse-port.mjs', import.meta.url).href;

const WAYS: readonly Way[] = [
  { name: 'one process', role: 'floor', workers: 1 },
  { name: 'Wavehall', role: 'wavehall', workers: WORKERS },
  { name: 'SCHED_NONE', role: 'other', workers: WORKERS, env: { NODE_CLUSTER_SCHED_POLICY: 'none' } },
  { name: 'SO_REUSEPORT', role: 'other', workers: WORKERS, env: { NODE_OPTIONS: `--import=${REUSE_PORT}` } },
];

export const workers: Scenario = {
  name: 'workers',
  title: `Connections dealt out to ${WORKERS} workers`,
  pinning: 'servers on every core, generator on one of them',
  async run(bench) {
    if (!MEASURES_CPU) {
      bench.leaveOut('workers', 'there is no /proc that tells of their sockets');
      return [];
    }
    const redis = await startRedis();
    const loadedServers: Staffed[] = [];
    try {
      for (const way of WAYS) {
        if (way.name !== 'SO_REUSEPORT' || hasReusePort())
          loadedServers.push(await loaded(bench, way, redis));
        else bench.leaveOut(way.name, `Node ${process.versions.node} has no reusePort`);
      }
      return [...(await handshakes(bench, loadedServers)), ...(await balances(bench, loadedServers))];
    } finally {
      await closeClients(loadedServers);
      await Promise.all(loadedServers.map(({ contestant }) => contestant.close()));
      await redis.close();
    }
  },
};

function hasReusePort(): boolean {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  return major > 23 || (major === 23 && minor >= 1) || (major === 22 && minor >= 12);
}

async function loaded(bench: Bench, { name, role, workers: count, env = {} }: Way, redis: TestRedis) {
  const port = await freePort();
  const server = await startServer(
    {
      ...APP_VARIABLES,
      REVERB_SERVER_PORT: `${port}`,
      REVERB_SCALING_ENABLED: 'true',
      REDIS_PORT: `${redis.port}`,
      WAVEHALL_REDIS_PREFIX: `${name.replace(/\W/g, '-')}:`,
      ...env,
    },
    ['--workers', `${count}`],
  );
  const contestant = {
    name,
    role,
    endpoint: { ...APP, host: '127.0.0.1', port, prefix: '' },
    pid: server.pid,
    maxSockets: CROWD,
    collects: false,
    isAlive: () => isRunning(server.pid),
    close: () => server.close(),
  };
  const own = count === 1 ? [server.pid] : childrenOf(server.pid);
  return { contestant, load: bench.load(contestant, true), sockets: 0, workers: own };
}

/** The first one is the primary. */
const pidsOf = ({ contestant, workers: own }: Staffed): number[] => [...new Set([contestant.pid, ...own])];

/** The primary's part is in it: it is what dealing out costs. */
async function handshakes(bench: Bench, loadedServers: readonly Staffed[]): Promise<Row[]> {
  const staffed = new Map<LoadedServer, Staffed>(loadedServers.map((each) => [each, each]));
  const results = await interleave(bench, loadedServers, async (each) => {
    const pids = pidsOf(staffed.get(each) as Staffed);
    const before = pids.map(cpuUs);
    const parameters = { seconds: bench.sizes.seconds, inflight: 32, pids: pids.join() };
    const found = await each.load.ask('visit', parameters);
    const [primaryUs = 0, ...workersUs] = pids.map((pid, at) => cpuUs(pid) - (before[at] ?? 0));
    const allUs = workersUs.reduce((sum, each) => sum + each, primaryUs);
    if (found.rounds === 0 || found.bad > 0)
      return refuse(bench, each, `${found.bad} handshakes failed`, found);
    return {
      value: perUnit(each, found, found.rounds),
      more: {
        'primary %': workersUs.length === 0 ? undefined : (100 * primaryUs) / allUs,
        'handshakes/s': found.rounds / found.seconds,
        'p99 ms': found.p99Ms,
      },
    };
  });
  return rowsOf({ scenario: 'workers', figure: 'connect, subscribe, vanish', unit: 'us' }, results);
}

const ARRIVALS = [
  { name: 'that come 64 at a time', together: 64 },
  { name: 'that come one after another', together: 1 },
];

/** Sockets of the fullest worker, divided by an equal share. */
async function balances(bench: Bench, loadedServers: readonly Staffed[]): Promise<Row[]> {
  const rows: Row[] = [];
  const staffed = loadedServers.filter((each) => each.workers.length > 1);
  for (const { name, together } of ARRIVALS) {
    const results = new Map<LoadedServer, Found[]>(staffed.map((each) => [each, []]));
    for (let round = 0; round < bench.sizes.rounds; round += 1)
      for (const each of staffed) results.get(each)?.push(await balance(bench, each, together));
    const figure = `fullest worker, of sockets ${name}`;
    rows.push(...rowsOf({ scenario: 'workers', figure, unit: 'x fair share' }, results));
  }
  return rows;
}

async function balance(bench: Bench, { load, workers: own }: Staffed, together: number): Promise<Found> {
  const before = own.map(socketsOf);
  const { open } = await load.ask('open', { n: Math.max(WORKERS, bench.scaled(CROWD)), together });
  const shares = own.map((pid, at) => socketsOf(pid) - (before[at] ?? 0));
  await load.ask('close');
  const fair = open / own.length;
  return {
    value: Math.max(...shares) / fair,
    more: { sockets: open, 'emptiest x': Math.min(...shares) / fair },
  };
}

const socketsOf = (pid: number): number =>
  readdirSync(`/proc/${pid}/fd`).filter((fd) => {
    try {
      return readlinkSync(`/proc/${pid}/fd/${fd}`).startsWith('socket:');
    } catch {
      // Closed meanwhile.
      return false;
    }
  }).length;
