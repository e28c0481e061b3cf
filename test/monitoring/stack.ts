/** Prometheus and Alertmanager as processes, with the files of examples/deploy and addresses of the test. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../support/free-port.ts';
import { startProcess, type TestServer } from '../support/server-process.ts';
import { http } from '../support/wire-http.ts';
import { FILES, rewrite } from './files.ts';
import { pathOf, type Program } from './programs.ts';

/** One result of an instant query. */
export interface Sample {
  readonly metric: Readonly<Record<string, string>>;
  readonly value: readonly [timeSeconds: number, value: string];
}

interface Started {
  readonly port: number;
  readonly folder: string;
  close(): Promise<void>;
}

export interface Prometheus extends Started {
  /** Result of `GET /api/v1/{path}`; rejects with Prometheus' message if it refuses the request. */
  get(path: string, parameters?: Readonly<Record<string, string>>): Promise<unknown>;
  query(expression: string): Promise<Sample[]>;
}

/** `https`: by TLS, without a check of the certificate. */
export interface Target {
  readonly port: number;
  readonly https?: boolean;
}

/** Starts Prometheus with prometheus.yml and alerts.yml. Only intervals, `for`, addresses and the way to the metrics differ. */
export async function startPrometheus(
  targets: readonly Target[],
  { token, alertmanagerPort }: { readonly token: string; readonly alertmanagerPort: number },
): Promise<Prometheus> {
  const started = await start('prometheus', (folder) => {
    writeFileSync(join(folder, 'token'), token);
    writeFileSync(join(folder, 'config.yml'), configOf(targets, { folder, alertmanagerPort }));
    writeFileSync(
      join(folder, 'alerts.yml'),
      readFileSync(FILES.alerts, 'utf8').replaceAll(/ for: \d+[mh]$/gm, ' for: 1s'),
    );
    return ['--storage.tsdb.path', join(folder, 'data'), '--web.listen-address'];
  });
  const get = async (path: string, parameters: Readonly<Record<string, string>> = {}): Promise<unknown> => {
    const address = { host: '127.0.0.1', port: started.port };
    const search = new URLSearchParams(parameters).toString();
    const answer = await http(address, { method: 'GET', path: `/api/v1/${path}?${search}` });
    const { status, data, error } = answer.json as { status: string; data: unknown; error?: string };
    if (status !== 'success') throw new Error(`Prometheus refuses ${path} ${search}: ${error ?? ''}`);
    return data;
  };
  const query = async (expression: string): Promise<Sample[]> =>
    ((await get('query', { query: expression })) as { result: Sample[] }).result;
  return { ...started, get, query };
}

function configOf(
  targets: readonly Target[],
  { folder, alertmanagerPort }: { readonly folder: string; readonly alertmanagerPort: number },
): string {
  const staticTargets = [false, true].flatMap((https) => {
    const ports = targets.filter((target) => (target.https ?? false) === https).map(({ port }) => port);
    return ports.length === 0
      ? []
      : [
          `      - targets: [${ports.map((port) => `'127.0.0.1:${port}'`).join(', ')}]`,
          `        labels: { __scheme__: ${https ? 'https' : 'http'} }`,
        ];
  });
  return rewrite(readFileSync(FILES.prometheus, 'utf8'), [
    ['scrape_interval: 15s', 'scrape_interval: 1s'],
    ['evaluation_interval: 15s', 'evaluation_interval: 1s'],
    ['127.0.0.1:9093', `127.0.0.1:${alertmanagerPort}`],
    [
      "    static_configs:\n      - targets: ['127.0.0.1:9601']",
      [
        '    metrics_path: /admin/metrics',
        '    tls_config: { insecure_skip_verify: true }',
        `    authorization: { credentials_file: ${join(folder, 'token')} }`,
        '    static_configs:',
        ...staticTargets,
      ].join('\n'),
    ],
  ]);
}

/** Starts Alertmanager with alertmanager.yml. Only its waits and the URLs of Slack and Discord differ. */
export const startAlertmanager = (urls: {
  readonly slack: string;
  readonly discord: string;
}): Promise<Started> =>
  start('alertmanager', (folder) => {
    writeFileSync(join(folder, 'slack-url'), urls.slack);
    const config = rewrite(readFileSync(FILES.alertmanager, 'utf8'), [
      ['group_wait: 30s', 'group_wait: 1s'],
      ['group_wait: 10s', 'group_wait: 1s'],
      ['group_interval: 5m', 'group_interval: 1s'],
      ['/etc/alertmanager/slack-url', join(folder, 'slack-url')],
      ['https://discord.com/api/webhooks/REPLACE/ME', urls.discord],
    ]);
    writeFileSync(join(folder, 'config.yml'), config);
    const storage = ['--storage.path', join(folder, 'data')];
    return [...storage, '--cluster.listen-address=', '--web.listen-address'];
  });

/** `prepare` writes config.yml into the folder and returns the arguments, of which the last one takes the address. */
async function start(program: Program, prepare: (folder: string) => readonly string[]): Promise<Started> {
  const folder = mkdtempSync(join(tmpdir(), `wavehall-${program}-`));
  const port = await freePort();
  const isReady = () =>
    http({ host: '127.0.0.1', port }, { method: 'GET', path: '/-/ready' }).then(
      ({ status }) => status === 200,
      () => false,
    );
  const args = prepare(folder);
  const server: TestServer = await startProcess({
    name: program,
    command: pathOf(program),
    args: ['--config.file', join(folder, 'config.yml'), ...args, `127.0.0.1:${port}`],
    env: process.env,
    portOf: async () => ((await isReady()) ? port : undefined),
    stop: (kill) => kill('SIGTERM'),
  });
  const close = async (): Promise<void> => {
    await server.close();
    rmSync(folder, { recursive: true, force: true });
  };
  return { port, folder, close };
}
