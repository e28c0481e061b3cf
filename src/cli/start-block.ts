import { styleText } from 'node:util';
import { type Config, DEVELOPMENT } from '../config.ts';
import type { Server } from '../server.ts';

const FEW_OPEN_FILES = 10_000;

/** What `wavehall start` says when it is ready: where to connect, with which app, and what to mind. */
export function startBlock(
  config: Config,
  server: Server,
  version: string,
  openFiles: number | undefined,
): string {
  const host = config.host.includes(':') ? `[${config.host}]` : config.host;
  const at = `${host}:${server.port}${config.path === '' ? '' : `/${config.path}`}`;
  const secure = server.secure ? 's' : '';
  const row = (name: string, value: string): string =>
    `  ${styleText('green', '➜')}  ${name.padEnd(12)}${value}`;
  return [
    '',
    `  ${styleText('bold', `wavehall ${version}`)}   node ${process.versions.node}   ${mode(config)}`,
    '',
    row('WebSocket', `ws${secure}://${at}/app/{key}`),
    row('HTTP API', `http${secure}://${at}/apps/{id}`),
    row('Apps', apps(config)),
    row('Scaling', 'off: one node, no Redis'),
    row('Open files', files(openFiles)),
    ...warnings(config),
    '',
    '',
  ].join('\n');
}

const mode = ({ appsFrom }: Config): string => (appsFrom === DEVELOPMENT ? 'development' : 'production');

function apps({ apps: all, appsFrom }: Config): string {
  if (appsFrom !== DEVELOPMENT) return `${all.length}  (from ${appsFrom})`;
  return 'id app-id, key app-key, secret app-secret: for development only, because no app is configured';
}

function files(limit: number | undefined): string {
  if (limit === undefined) return 'unknown';
  return `${limit.toLocaleString('en-US')}${limit < FEW_OPEN_FILES ? '   few: each socket needs one (ulimit -n)' : ''}`;
}

function warnings({ scaling }: Config): string[] {
  if (!scaling) return [];
  return [
    '',
    `  ${styleText('yellow', 'WARN')} REVERB_SCALING_ENABLED=true: this version runs as one node, without Redis.`,
  ];
}
