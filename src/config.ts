import { readFileSync } from 'node:fs';
import { getHeapStatistics } from 'node:v8';
import { appFromEnvironment, appsFromJson, developmentApp } from './apps/reverb.ts';
import {
  boolean,
  ConfigError,
  environment,
  integer,
  type Kind,
  limit,
  list,
  oneOf,
  optionalText,
  readAll,
  text,
  textIn,
  type Values,
  type Variables,
} from './apps/settings.ts';
import { REDIS_SETTINGS, redisOptions } from './config/redis.ts';
import { setting } from './config/setting.ts';
import type { App } from './core/app.ts';
import type { RedisOptions } from './stores/redis/options.ts';
import { networkIn } from './transports/peer.ts';
import type { TlsOptions } from './transports/tls.ts';

const proxies: Kind<readonly string[]> = {
  expected: 'addresses or networks such as 10.0.0.0/8, separated by commas',
  parse(given) {
    const all = list.parse(given);
    return all?.every((each) => networkIn(each) !== undefined) === true ? all : undefined;
  },
};

const MEBIBYTE = 1024 * 1024;

/** What concerns the server and not an app. */
export const SERVER_SETTINGS = {
  host: setting('REVERB_SERVER_HOST', text, '0.0.0.0', 'Address to listen on.'),
  port: setting('REVERB_SERVER_PORT', integer(0, 65_535), 8080, 'Port to listen on.'),
  path: setting('REVERB_SERVER_PATH', text, '', 'Path before /app and /apps; both work with and without it.'),
  hostname: setting(
    'REVERB_HOST',
    optionalText,
    '',
    'Name whose Herd or Valet certificate is used, if there is one.',
  ),
  tlsCert: setting(
    'WAVEHALL_TLS_CERT',
    optionalText,
    '',
    "Certificate file (Reverb's options.tls.local_cert).",
  ),
  tlsKey: setting('WAVEHALL_TLS_KEY', optionalText, '', "Key file (Reverb's options.tls.local_pk)."),
  tlsPassphrase: setting('WAVEHALL_TLS_PASSPHRASE', optionalText, '', 'Passphrase of the key.'),
  apps: setting(
    'WAVEHALL_APPS',
    optionalText,
    '',
    'Apps as JSON, in the shape of config("reverb.apps.apps").',
  ),
  appsFile: setting(
    'WAVEHALL_APPS_FILE',
    optionalText,
    '',
    'File with such JSON, or with all of config("reverb").',
  ),
  debug: setting('WAVEHALL_DEBUG', boolean, false, 'Show every message.'),
  drainSeconds: setting(
    'WAVEHALL_DRAIN_SECONDS',
    limit,
    8,
    'Time over which sockets are asked to reconnect at shutdown.',
  ),
  pongTimeoutSeconds: setting(
    'WAVEHALL_PONG_TIMEOUT',
    integer(1),
    30,
    'Seconds that a pinged socket has for its answer.',
  ),
  maxConnections: setting(
    'WAVEHALL_MAX_CONNECTIONS',
    limit,
    0,
    'Sockets of this node; 0: 95 % of the open files.',
  ),
  maxConnectionsPerAddress: setting(
    'WAVEHALL_MAX_CONNECTIONS_PER_ADDRESS',
    limit,
    0,
    'Sockets of one address; 0: no limit.',
  ),
  trustedProxies: setting(
    'WAVEHALL_TRUSTED_PROXIES',
    proxies,
    '',
    'Addresses or networks whose X-Forwarded-* headers count.',
  ),
  softBufferBytes: setting(
    'WAVEHALL_SOFT_BUFFER_SIZE',
    limit,
    256 * 1024,
    'Unsent bytes above which a socket gets no client events.',
  ),
  maxBufferBytes: setting(
    'WAVEHALL_MAX_BUFFER_SIZE',
    integer(1),
    MEBIBYTE,
    'Unsent bytes above which a socket is ended.',
  ),
  maxBufferTotalBytes: setting(
    'WAVEHALL_MAX_BUFFER_TOTAL',
    limit,
    0,
    'Unsent bytes of all sockets; 0: a quarter of the heap.',
  ),
  stallSeconds: setting(
    'WAVEHALL_STALL_SECONDS',
    integer(1),
    10,
    'Time without progress after which a reader is ended.',
  ),
  replayProtection: setting(
    'WAVEHALL_REPLAY_PROTECTION',
    oneOf('off', 'strict'),
    'off',
    'strict: each signature is taken once.',
  ),
  ...REDIS_SETTINGS,
} as const;

export interface Config extends Omit<Values<typeof SERVER_SETTINGS>, 'apps'> {
  readonly apps: readonly App[];
  /** Where the apps come from, for the start block. */
  readonly appsFrom: string;
  readonly tls: TlsOptions;
  /** `undefined`: this node is the only one. */
  readonly redis: RedisOptions | undefined;
}

/** Reads and checks everything once. Throws `ConfigError` with every problem that there is. */
export function readConfig(variables: Variables): Config {
  const problems: string[] = [];
  const values = readAll(SERVER_SETTINGS, environment(variables), problems);
  const found = findApps(variables, problems);
  checkUnique(found.apps, problems);
  const redis = redisOptions(values, problems);
  if (problems.length > 0) throw new ConfigError(problems);
  const { tlsCert, tlsKey, tlsPassphrase, hostname, maxBufferTotalBytes } = values;
  return Object.freeze({
    ...values,
    path: values.path.replace(/^\/+|\/+$/g, ''),
    maxBufferTotalBytes: maxBufferTotalBytes || Math.floor(getHeapStatistics().heap_size_limit / 4),
    apps: found.apps,
    appsFrom: found.from,
    redis,
    tls: { localCert: tlsCert, localPk: tlsKey, passphrase: tlsPassphrase, hostname, ...found.tls },
  });
}

interface FoundApps {
  readonly apps: readonly App[];
  readonly from: string;
  readonly tls?: TlsOptions | undefined;
}

function findApps(variables: Variables, problems: string[]): FoundApps {
  const inline = textIn(variables, SERVER_SETTINGS.apps.name);
  const file = textIn(variables, SERVER_SETTINGS.appsFile.name);
  if (inline) return appsIn(inline, SERVER_SETTINGS.apps.name, variables, problems);
  if (file) return appsIn(readText(file, problems), file, variables, problems);
  const app = appFromEnvironment(variables, problems);
  if (app !== undefined)
    return {
      apps: [app],
      from: textIn(variables, 'REVERB_APP_ID') === undefined ? 'PUSHER_APP_*' : 'REVERB_APP_*',
    };
  return { apps: [developmentApp(variables, problems)], from: DEVELOPMENT };
}

/** What the start block says where no app was configured. */
export const DEVELOPMENT = 'development';

function appsIn(json: string | undefined, from: string, variables: Variables, problems: string[]): FoundApps {
  if (json === undefined) return { apps: [], from };
  try {
    const value: unknown = JSON.parse(json);
    return { apps: appsFromJson(value, from, variables, problems), from, tls: reverbTls(value) };
  } catch (error) {
    problems.push(
      `${from}: expected JSON (${error instanceof SyntaxError ? 'it cannot be parsed' : String(error)})`,
    );
    return { apps: [], from };
  }
}

function readText(file: string, problems: string[]): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    problems.push(`${SERVER_SETTINGS.appsFile.name}=${JSON.stringify(file)}: ${(error as Error).message}`);
    return undefined;
  }
}

/** `servers.reverb.options.tls` of a whole `config("reverb")`. */
function reverbTls(value: unknown): TlsOptions | undefined {
  const tls = ['servers', 'reverb', 'options', 'tls'].reduce<unknown>(
    (at, name) => (typeof at === 'object' && at !== null ? (at as Record<string, unknown>)[name] : undefined),
    value,
  ) as Record<string, unknown> | undefined;
  if (typeof tls?.local_cert !== 'string') return undefined;
  const textOf = (name: string): string | undefined =>
    typeof tls[name] === 'string' ? tls[name] : undefined;
  return { localCert: tls.local_cert, localPk: textOf('local_pk'), passphrase: textOf('passphrase') };
}

function checkUnique(apps: readonly App[], problems: string[]): void {
  const ids = apps.map(({ id }) => id);
  // Within one app a key may have several secrets: the new one and those before it.
  const keys = apps.flatMap(({ credentials }) => [...new Set(credentials.map(({ key }) => key))]);
  for (const [what, values] of [
    ['app_id', ids],
    ['key', keys],
  ] as const) {
    const double = values.find((value, at) => values.indexOf(value) !== at);
    if (double !== undefined)
      problems.push(`${what} ${JSON.stringify(double)}: expected to be used by one app only`);
  }
}
