import { hostname } from 'node:os';
import { getHeapStatistics } from 'node:v8';
import type { Hub } from '../../core/channels/hub.ts';
import type { StatusSection } from '../../core/ports/status.ts';
import type { Stores } from '../../core/ports/stores.ts';
import { within } from '../../core/util/time.ts';
import { packageVersion } from '../../config/version.ts';
import type { WorkerGroup } from '../worker-group.ts';

/** Time that a section has; the workers together have longer. */
const SECTION_MS = 1000;
const STATUS_REQUEST = 'status';

type Sections = Readonly<Record<string, object>>;

interface NodeStatusDeps {
  readonly hub: Hub;
  readonly stores: Stores;
  readonly isReady: () => boolean;
  readonly apps: { readonly all: readonly unknown[] };
}

/** This process: the section `node`. */
export const nodeStatus = ({ hub, stores, isReady, apps }: NodeStatusDeps): StatusSection => ({
  name: 'node',
  read: () => {
    const { rss, heapUsed } = process.memoryUsage();
    return {
      version: packageVersion(),
      nodeVersion: process.versions.node,
      host: hostname(),
      pid: process.pid,
      uptimeSeconds: Math.floor(process.uptime()),
      ready: isReady(),
      warnings: stores.warnings(),
      connections: hub.size,
      apps: apps.all.length,
      memoryBytes: rss,
      heapUsedBytes: heapUsed,
      heapLimitBytes: getHeapStatistics().heap_size_limit,
    };
  },
});

/** Reads the answer of `GET /admin/status`: the sections of this process, and those of each worker (SPEC 11.5). */
export function statusReader(
  sections: readonly StatusSection[],
  workers: WorkerGroup | undefined,
): () => Promise<object> {
  const own = (): Promise<Sections> => readAll(sections);
  workers?.onRequest(STATUS_REQUEST, own);
  return async () => {
    if (workers === undefined) {
      const single = await own();
      return { ...single, workers: [single], workersWanted: 1 };
    }
    const all = (await workers.requestAll(STATUS_REQUEST)) as Sections[];
    const { pid } = process;
    const isOwn = ({ node }: Sections): boolean => (node as { pid?: unknown } | undefined)?.pid === pid;
    // A worker that is being replaced is not one of them any more.
    return { ...(all.find(isOwn) ?? (await own())), workers: all, workersWanted: workers.count };
  };
}

async function readAll(sections: readonly StatusSection[]): Promise<Sections> {
  const entries = sections.map(async (section) => [section.name, await readSection(section)] as const);
  return Object.fromEntries(await Promise.all(entries));
}

async function readSection(section: StatusSection): Promise<object> {
  try {
    const read = Promise.resolve(section.read());
    return await within(read, SECTION_MS, () => ({ problem: `no answer in ${SECTION_MS / 1000} s` }));
  } catch {
    return { problem: 'it cannot be read' };
  }
}
