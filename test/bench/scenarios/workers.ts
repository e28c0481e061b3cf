/** Compares ways to distribute connections to the workers of one machine: the cost of a handshake and the balance. */
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
import { type TurnResult, perUnit, rowsOf } from '../rows.ts';

const WORKERS = 4;
const SOCKETS = 400;

/** A server with the pids of its workers; a single process is its own worker. */
interface WorkerServer extends LoadedServer {
  readonly workers: readonly number[];
}

interface Variant {
  readonly name: string;
  readonly role: 'floor' | 'wavehall' | 'other';
  readonly workers: number;
  readonly env?: Readonly<Record<string, string>>;
}

const REUSE_PORT = new URL('../servers/reuse-port.mjs', import.meta.url).href;

const VARIANTS: readonly Variant[] = [
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
      bench.leaveOut('workers', 'there is no /proc to count their sockets');
      return [];
    }
    const redis = await startRedis();
    const loadedServers: WorkerServer[] = [];
    try {
      for (const variant of VARIANTS) {
        if (variant.name !== 'SO_REUSEPORT' || hasReusePort())
          loadedServers.push(await startVariant(bench, variant, redis));
        else bench.leaveOut(variant.name, `Node ${process.versions.node} has no reusePort`);
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

async function startVariant(
  bench: Bench,
  { name, role, workers: count, env = {} }: Variant,
  redis: TestRedis,
) {
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
    maxSockets: SOCKETS,
    collectsGarbage: false,
    isAlive: () => isRunning(server.pid),
    close: () => server.close(),
  };
  const own = count === 1 ? [server.pid] : childrenOf(server.pid);
  return { contestant, load: bench.load(contestant, true), sockets: 0, workers: own };
}

/** Process ids, the primary's first. */
const pidsOf = ({ contestant, workers: own }: WorkerServer): number[] => [
  ...new Set([contestant.pid, ...own]),
];

/** Includes the CPU time of the primary: that is the cost of distributing connections. */
async function handshakes(bench: Bench, loadedServers: readonly WorkerServer[]): Promise<Row[]> {
  const results = await interleave(bench, loadedServers, async (each) => {
    const pids = pidsOf(each);
    const before = pids.map(cpuUs);
    const parameters = { seconds: bench.sizes.seconds, inflight: 32, pids: pids.join() };
    const result = await each.load.run('handshake', parameters);
    const [primaryUs = 0, ...workersUs] = pids.map((pid, at) => cpuUs(pid) - (before[at] ?? 0));
    const allUs = workersUs.reduce((sum, each) => sum + each, primaryUs);
    if (result.rounds === 0 || result.bad > 0)
      return refuse(bench, each, `${result.bad} handshakes failed`, result);
    return {
      value: perUnit(each, result, result.rounds),
      more: {
        'primary %': workersUs.length === 0 ? undefined : (100 * primaryUs) / allUs,
        'handshakes/s': result.rounds / result.seconds,
        'p99 ms': result.p99Ms,
      },
    };
  });
  return rowsOf({ scenario: 'workers', figure: 'connect, subscribe, vanish', unit: 'us' }, results);
}

const ARRIVALS = [
  { name: 'that come 64 at a time', together: 64 },
  { name: 'that come one after another', together: 1 },
];

/** Sockets of the worker with the most, divided by an equal share. */
async function balances(bench: Bench, loadedServers: readonly WorkerServer[]): Promise<Row[]> {
  const rows: Row[] = [];
  const withWorkers = loadedServers.filter((each) => each.workers.length > 1);
  for (const { name, together } of ARRIVALS) {
    const results = new Map<LoadedServer, TurnResult[]>(withWorkers.map((each) => [each, []]));
    for (let round = 0; round < bench.sizes.rounds; round += 1)
      for (const each of withWorkers) results.get(each)?.push(await balance(bench, each, together));
    const figure = `fullest worker, of sockets ${name}`;
    rows.push(...rowsOf({ scenario: 'workers', figure, unit: 'x fair share' }, results));
  }
  return rows;
}

async function balance(
  bench: Bench,
  { load, workers: own }: WorkerServer,
  together: number,
): Promise<TurnResult> {
  const before = own.map(socketCount);
  const { open } = await load.run('open', { n: Math.max(WORKERS, bench.scaled(SOCKETS)), together });
  const shares = own.map((pid, at) => socketCount(pid) - (before[at] ?? 0));
  await load.run('close');
  const fair = open / own.length;
  return {
    value: Math.max(...shares) / fair,
    more: { sockets: open, 'emptiest x': Math.min(...shares) / fair },
  };
}

const socketCount = (pid: number): number =>
  readdirSync(`/proc/${pid}/fd`).filter((fd) => {
    try {
      return readlinkSync(`/proc/${pid}/fd/${fd}`).startsWith('socket:');
    } catch {
      // Closed meanwhile.
      return false;
    }
  }).length;
