import type { Command } from 'commander';
import { askAdmin } from '../admin-client.ts';
import { askApp } from '../client/app-client.ts';
import { adminAddress, appAddress, addAdminOptions, type AppFlags } from '../client/options.ts';
import { bold, counted, describe, print, red, runCommand, shown, table } from '../client/output.ts';

const MEBIBYTE = 1024 * 1024;

/** Section `node` of a worker. */
interface NodeSection {
  readonly version: string;
  readonly pid: number;
  readonly uptimeSeconds: number;
  readonly ready: boolean;
  readonly warnings: readonly string[];
  readonly connections: number;
  readonly apps: number;
  readonly memoryBytes: number;
  readonly heapUsedBytes: number;
  readonly heapLimitBytes: number;
}

type WorkerSections = Readonly<Record<string, object>> & { readonly node?: NodeSection };

/** Answer of `GET /admin/status`: sections of one worker, and those of each (SPEC 11.5). */
interface Status {
  readonly workers: readonly WorkerSections[];
  readonly workersWanted: number;
}

/** `wavehall status`: the whole state with the admin token; without one, the connections and channels of an app. */
export function addStatus(program: Command): void {
  addAdminOptions(program.command('status'))
    .option('--app <id>', 'without a token: the app, when there are several')
    .description('Show a running server: connections, memory, Redis, workers; less without the admin token')
    .action((flags: AppFlags) =>
      runCommand(async () => {
        const admin = adminAddress(flags);
        if ((admin.token ?? '') === '') return printOfApp(flags);
        const status = await askAdmin<Status>(admin, 'GET', '/status');
        print(flags, status, () => statusLines(status));
      }),
    );
}

async function printOfApp(flags: AppFlags): Promise<void> {
  const address = await appAddress(flags);
  const get = <T>(path: string): Promise<T> => askApp<T>(address, { method: 'GET', path });
  const { connections } = await get<{ connections: number }>('/connections');
  const channels = Object.keys((await get<{ channels: object }>('/channels')).channels).length;
  print(flags, { app: address.app.id, connections, channels }, () => [
    `App ${shown(address.app.id)}: ${counted(connections, 'connection')}, ${counted(channels, 'channel')} with subscribers.`,
    'With the admin token (--token, or WAVEHALL_ADMIN_TOKEN) this shows the whole server.',
  ]);
}

function statusLines({ workers, workersWanted }: Status): string[] {
  const nodes = workers.flatMap(({ node }) => node ?? []);
  const warnings = [...new Set(nodes.flatMap((node) => node.warnings))];
  return [
    headLine(nodes, workersWanted),
    ...warnings.map((warning) => red(`! ${shown(warning)}`)),
    '',
    ...workerTable(nodes),
    ...workers.flatMap((sections, at) => sectionLines(sections, nodes.length > 1 ? nodes[at] : undefined)),
  ];
}

function headLine(nodes: readonly NodeSection[], wanted: number): string {
  const connections = nodes.reduce((sum, node) => sum + node.connections, 0);
  const isReady = nodes.length >= wanted && nodes.every(({ ready }) => ready);
  const workers = wanted === 1 ? [] : [`${nodes.length} of ${counted(wanted, 'worker')}`];
  return [
    bold(`Wavehall ${shown(nodes[0]?.version ?? '')}`),
    isReady ? 'ready' : red('NOT READY'),
    counted(connections, 'connection'),
    counted(nodes[0]?.apps ?? 0, 'app'),
    ...workers,
  ].join('   ');
}

const workerTable = (nodes: readonly NodeSection[]): string[] =>
  table(
    ['process', 'ready', 'connections', 'up', 'memory', 'heap'],
    nodes.map((node) => [
      node.pid,
      node.ready ? 'yes' : 'NO',
      node.connections,
      duration(node.uptimeSeconds),
      mebibytes(node.memoryBytes),
      `${mebibytes(node.heapUsedBytes)} of ${mebibytes(node.heapLimitBytes)}`,
    ]),
    'No worker answered.',
  );

/** The other sections of a worker, such as Redis. */
function sectionLines(sections: WorkerSections, worker: NodeSection | undefined): string[] {
  const others = Object.entries(sections).filter(([name]) => name !== 'node');
  const of = worker === undefined ? '' : `   process ${worker.pid}`;
  return others.flatMap(([name, section]) => ['', bold(`${shown(name)}${of}`), ...describe(section)]);
}

const mebibytes = (bytes: number): string => `${Math.round(bytes / MEBIBYTE)} MiB`;

function duration(seconds: number): string {
  const [days, hours, minutes] = [
    Math.floor(seconds / 86_400),
    Math.floor(seconds / 3600) % 24,
    Math.floor(seconds / 60) % 60,
  ];
  if (days > 0) return `${days} d ${hours} h`;
  return hours > 0 ? `${hours} h ${minutes} min` : minutes > 0 ? `${minutes} min` : `${seconds} s`;
}
