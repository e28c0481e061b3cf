import { APP_VARIABLES } from '../support/app.ts';
import { Cluster } from '../support/cluster.ts';
import { startServer } from '../support/server.ts';
import { http } from '../support/wire-http.ts';

const ADMIN_TOKEN = 'the-token-of-the-tests-long-enough';

/** One or several servers with a history, as the clients of these tests see them. */
export interface Site {
  ports(): readonly number[];
  /** Sum of a metric over all servers, and over all labels but the one that is given, such as `reason="expired"`. */
  sumOf(metric: string, label?: string): Promise<number>;
  /** Everything that the servers wrote as an error. */
  errors(): readonly string[];
  close(): Promise<void>;
}

export async function startOne(env: Record<string, string>): Promise<Site> {
  const server = await startServer({ ...APP_VARIABLES, WAVEHALL_ADMIN_TOKEN: ADMIN_TOKEN, ...env });
  return siteOf([server], () => server.close());
}

export async function startThree(env: Record<string, string>): Promise<Site> {
  const cluster = await Cluster.start({ nodes: 3, env });
  await cluster.ready();
  return siteOf(
    cluster.nodes.map(({ server }) => server),
    () => cluster.close(),
  );
}

interface Process {
  readonly port: number;
  readonly output: () => string;
}

const siteOf = (processes: readonly Process[], close: () => Promise<void>): Site => ({
  ports: () => processes.map(({ port }) => port),
  sumOf: (metric, label = '') => sumOf(processes, metric, label),
  errors: () =>
    processes.flatMap(
      ({ output }) => output().match(/^.*("level":50|"level":60|uncaught|unhandled).*$/gim) ?? [],
    ),
  close,
});

async function sumOf(processes: readonly Process[], metric: string, label: string): Promise<number> {
  const line = new RegExp(`^${metric}\\{[^}]*${label}[^}]*\\} (\\S+)$`, 'gm');
  let sum = 0;
  for (const { port } of processes) {
    const headers = { authorization: `Bearer ${ADMIN_TOKEN}` };
    const { text } = await http(
      { host: '127.0.0.1', port },
      { method: 'GET', path: '/admin/metrics', headers },
    );
    for (const [, value] of text.matchAll(line)) sum += Number(value);
  }
  return sum;
}
