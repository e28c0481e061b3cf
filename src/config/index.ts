import { readFileSync } from 'node:fs';
import { getHeapStatistics } from 'node:v8';
import { isJsonObject } from '#protocol';
import { ignoredIn, requestSizeIn } from '../apps/ignored.ts';
import { APP_OPTIONS } from '../apps/options.ts';
import {
  appFromEnvironment,
  appsFromJson,
  developmentApp,
  type UnusedApp,
  unusedApps,
  unusedAppsHint,
} from '../apps/reverb.ts';
import {
  ConfigError,
  environment,
  readAll,
  textIn,
  type Values,
  type Variables,
} from '../settings/settings.ts';
import { cutoverOptions } from './cutover.ts';
import { redisOptions, redisSource, redisWarnings } from './redis.ts';
import { SERVER_SETTINGS } from './server.ts';
import type { App } from '../core/app.ts';
import type { CutoverOptions } from '../cutover/ports.ts';
import type { RedisOptions } from '../stores/redis/options.ts';
import type { TlsOptions } from '../transports/tls.ts';

export { SERVER_SETTINGS } from './server.ts';

export interface Config extends Omit<Values<typeof SERVER_SETTINGS>, 'apps'> {
  readonly apps: readonly App[];
  /** Where the apps come from, for the start block. */
  readonly appsFrom: string;
  /** Apps that the environment names and that are not served, because other names won. */
  readonly unusedApps: readonly UnusedApp[];
  /** The same in a sentence, for whoever asks for an app that is not served. */
  readonly unusedAppsHint: string | undefined;
  /** Sentences about settings that were given and have no effect. */
  readonly warnings: readonly string[];
  readonly tls: TlsOptions;
  /** Network sockets of any kind, requests included, so that files are left for the server itself; 0: no limit. */
  readonly maxSockets: number;
  /** The form of errors for clients of no app. */
  readonly errorDataAsString: boolean;
  /** `undefined`: this node is the only one. */
  readonly redis: RedisOptions | undefined;
  /** `undefined`: there is no other server. */
  readonly cutover: CutoverOptions | undefined;
}

/** Reads and checks everything once. Throws `ConfigError` with every problem that there is. */
export function readConfig(variables: Variables): Config {
  const problems: string[] = [];
  const values = readAll(SERVER_SETTINGS, redisSource(environment(variables), variables), problems);
  const found = findApps(variables, problems);
  checkUnique(found, problems);
  const redis = redisOptions(values, problems);
  if (redis?.path === undefined && redis?.host.includes('@') === true) problems.push(CREDENTIALS_IN_HOST);
  problems.push(...lonelyWorkers(values));
  const cutover = cutoverOptions(
    { ...values, ...reverbsRequestSize({ ...variables, ...found.told }) },
    problems,
  );
  if (problems.length > 0) throw new ConfigError(problems);
  const unused = unusedApps(variables, found.from);
  const { tlsCert, tlsKey, tlsPassphrase, hostname, maxBufferTotalBytes } = values;
  return Object.freeze({
    ...values,
    host: hostOf(values.host, found, variables),
    path: values.path.replace(/^\/+|\/+$/g, ''),
    maxBufferTotalBytes: maxBufferTotalBytes || Math.floor(getHeapStatistics().heap_size_limit / 4),
    apps: found.apps,
    appsFrom: found.from,
    // What is wrong with it, each app has reported.
    ...readAll({ errorDataAsString: APP_OPTIONS.errorDataAsString }, environment(variables), []),
    maxSockets: 0,
    warnings: [...(found.warnings ?? []), ...redisWarnings(values, redis)],
    unusedApps: unused,
    unusedAppsHint: unusedAppsHint(unused, found.from),
    redis,
    cutover,
    tls: { localCert: tlsCert, localPk: tlsKey, passphrase: tlsPassphrase, hostname, ...found.tls },
  });
}

const CREDENTIALS_IN_HOST =
  'REDIS_HOST=(not shown): expected a host alone; user and password go to REDIS_USERNAME and REDIS_PASSWORD';

/** The development app has credentials that everybody knows: it is for this machine, unless a host is asked for. */
const hostOf = (host: string, { from }: FoundApps, variables: Variables): string =>
  from === DEVELOPMENT && textIn(variables, SERVER_SETTINGS.host.name) === undefined ? '127.0.0.1' : host;

/** The two servers read one `.env`: what Reverb was told counts for it, unless its own setting says otherwise. */
function reverbsRequestSize(variables: Variables): { readonly cutoverRequestBytes?: number } {
  const told = Number(textIn(variables, 'REVERB_MAX_REQUEST_SIZE') ?? 0);
  const isSet = textIn(variables, SERVER_SETTINGS.cutoverRequestBytes.name) !== undefined;
  return isSet || !(told > 0) ? {} : { cutoverRequestBytes: told };
}

/** Workers are nodes: without Redis none would know of the clients of the others. */
function lonelyWorkers({ workers, scaling }: Values<typeof SERVER_SETTINGS>): string[] {
  if (workers === 1 || scaling) return [];
  const { workers: setting, scaling: redis } = SERVER_SETTINGS;
  return [
    `${setting.name}="${workers}": expected ${redis.name}=true and Redis (REDIS_URL, or REDIS_HOST and REDIS_PORT), because workers share what they know over Redis`,
  ];
}

interface FoundApps {
  readonly apps: readonly App[];
  readonly from: string;
  readonly tls?: TlsOptions | undefined;
  readonly warnings?: readonly string[];
  /** Values of a whole `config("reverb")`, in the place of variables. */
  readonly told?: Variables;
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
  const problem = againstDevelopment(variables);
  if (problem !== undefined) problems.push(problem);
  return { apps: [developmentApp(variables, problems)], from: DEVELOPMENT };
}

const HOW_TO_NAME_ONE =
  "set REVERB_APP_ID, REVERB_APP_KEY and REVERB_APP_SECRET, or read Laravel's .env with --env-file, or set WAVEHALL_APPS or WAVEHALL_APPS_FILE";

/** The app for development exists only where nothing names an app, and nothing says production. */
function againstDevelopment(variables: Variables): string | undefined {
  const { apps, appsFile } = SERVER_SETTINGS;
  const empty = [apps.name, appsFile.name, 'WAVEHALL_APP_CREDENTIALS'].find(
    (name) => variables[name] !== undefined,
  );
  if (empty !== undefined) return `No app is configured, although ${empty} is set: ${HOW_TO_NAME_ONE}`;
  const word = ['NODE_ENV', 'APP_ENV'].find((name) =>
    /^prod(uction)?$/i.test(textIn(variables, name)?.trim() ?? ''),
  );
  return word && `No app is configured, and ${word} says production: ${HOW_TO_NAME_ONE}`;
}

/** What the start block says where no app was configured. */
export const DEVELOPMENT = 'development';

function appsIn(json: string | undefined, from: string, variables: Variables, problems: string[]): FoundApps {
  if (json === undefined) return { apps: [], from };
  try {
    const value: unknown = JSON.parse(json);
    const told = requestSizeIn(value);
    return {
      apps: appsFromJson(value, from, { ...variables, ...told }, problems),
      from,
      tls: reverbTls(value),
      warnings: ignoredIn(value, from),
      told,
    };
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
    (at, name) => (isJsonObject(at) ? at[name] : undefined),
    value,
  );
  if (!isJsonObject(tls) || typeof tls.local_cert !== 'string') return undefined;
  const textOf = (name: string): string | undefined =>
    typeof tls[name] === 'string' ? tls[name] : undefined;
  return { localCert: tls.local_cert, localPk: textOf('local_pk'), passphrase: textOf('passphrase') };
}

function checkUnique({ apps, from }: FoundApps, problems: string[]): void {
  const ids = apps.map(({ id }) => id);
  // Within one app a key may have several secrets: the new one and those before it.
  const keys = apps.flatMap(({ credentials }) => [...new Set(credentials.map(({ key }) => key))]);
  for (const [what, values] of [
    ['app_id', ids],
    ['key', keys],
  ] as const) {
    const double = values.find((value, at) => values.indexOf(value) !== at);
    if (double !== undefined)
      problems.push(`${from}: ${what} ${JSON.stringify(double)}: expected to be used by one app only`);
  }
}
