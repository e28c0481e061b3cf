import { styleText } from 'node:util';
import { type Config, DEVELOPMENT } from '../config/index.ts';
import { describeAddress } from '../stores/redis/link/servers.ts';
import type { RedisOptions } from '../stores/redis/options.ts';

const FEW_OPEN_FILES = 10_000;

/** Ports and scheme at which clients, publishers and Prometheus reach the server. */
interface ListeningAt {
  readonly port: number;
  readonly secure: boolean;
  readonly apiPort?: number | undefined;
  readonly metricsPort?: number | undefined;
}

/** The start block as one JSON line, for logs. */
export function startLine(
  config: Config,
  server: ListeningAt,
  version: string,
  openFiles: number | undefined,
): string {
  const { webSocket, httpApi, metrics } = addresses(config, server);
  return `${JSON.stringify({
    level: 30,
    time: Date.now(),
    msg: 'Wavehall has started',
    version,
    nodeVersion: process.versions.node,
    mode: mode(config),
    webSocket,
    httpApi,
    metrics,
    host: config.host,
    port: server.port,
    apps: apps(config),
    scaling: scaling(config),
    workers: config.workers,
    cutover: cutover(config),
    openFiles: openFiles ?? null,
  })}\n`;
}

/** The last line of a log. */
export const stopLine = (signal: string): string =>
  `${JSON.stringify({ level: 30, time: Date.now(), msg: 'Wavehall is stopping: clients are asked to reconnect', signal })}\n`;

function addresses(config: Config, { port, secure, apiPort, metricsPort }: ListeningAt) {
  const { host, apiHost = host, metricsHost, path } = config;
  const prefix = path === '' ? '' : `/${path}`;
  const s = secure ? 's' : '';
  const httpApi = apiPort === undefined ? hostAndPort(host, port) : hostAndPort(apiHost, apiPort);
  return {
    webSocket: `ws${s}://${hostAndPort(host, port)}${prefix}/app/{key}`,
    httpApi: `http${s}://${httpApi}${prefix}/apps/{id}`,
    metrics:
      metricsPort === undefined ? undefined : `http://${hostAndPort(metricsHost, metricsPort)}/metrics`,
  };
}

const hostAndPort = (host: string, port: number): string =>
  `${host.includes(':') ? `[${host}]` : host}:${port}`;

const scaling = ({ redis }: Config): string => (redis ? `on: ${redisAt(redis)}` : 'off: one node, no Redis');

/** Text that `wavehall start` prints when it is ready: where to connect, with which app, and warnings. */
export function startBlock(
  config: Config,
  server: ListeningAt,
  version: string,
  openFiles: number | undefined,
): string {
  const { webSocket, httpApi, metrics } = addresses(config, server);
  const row = (name: string, value: string): string =>
    `  ${styleText('green', '➜')}  ${name.padEnd(12)}${value}`;
  const optionalRow = (name: string, value: string | undefined): string[] =>
    value === undefined ? [] : [row(name, value)];
  return [
    '',
    `  ${styleText('bold', `wavehall ${version}`)}   node ${process.versions.node}   ${mode(config)}`,
    '',
    row('WebSocket', webSocket),
    row('HTTP API', httpApi),
    ...optionalRow('Metrics', metrics),
    row('Apps', apps(config)),
    row('Scaling', scaling(config)),
    ...(config.workers > 1 ? [row('Workers', `${config.workers}, each a node of its own`)] : []),
    ...optionalRow('Cutover', cutover(config)),
    row('Open files', files(openFiles, config.workers)),
    '',
    '',
  ].join('\n');
}

const cutover = ({ cutover: options, adminToken }: Config): string | undefined =>
  options &&
  `proxy in front of ${options.upstream.url.href}${adminToken === undefined ? '   no admin API: set WAVEHALL_ADMIN_TOKEN' : ''}`;

const mode = ({ appsFrom }: Config): string => (appsFrom === DEVELOPMENT ? 'development' : 'production');

function apps({ apps: all, appsFrom, unusedAppsHint: left }: Config): string {
  if (appsFrom !== DEVELOPMENT)
    return [`${all.length}  (from ${appsFrom})`, ...(left === undefined ? [] : [left])].join('; ');
  return 'id app-id, key app-key, secret app-secret: for development only, because no app is configured';
}

function files(limit: number | undefined, workers: number): string {
  if (limit === undefined) return 'unknown';
  const each = workers > 1 ? ' for each worker' : '';
  return `${limit.toLocaleString('en-US')}${each}${limit < FEW_OPEN_FILES ? '   few: each socket needs one (ulimit -n)' : ''}`;
}

/** The address of Redis, without credentials. */
function redisAt(options: RedisOptions): string {
  const { sentinels, cluster } = options;
  if (cluster !== undefined) return `a Cluster at ${cluster.map(describeAddress).join(', ')}`;
  if (sentinels !== undefined) return `Redis by Sentinels at ${sentinels.map(describeAddress).join(', ')}`;
  return `Redis at ${describeAddress(options)}`;
}
