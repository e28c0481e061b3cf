import { getHeapStatistics } from 'node:v8';
import { DEVELOPMENT, findApps, type FoundApps } from '../apps/find-apps.ts';
import { APP_OPTIONS } from '../apps/options.ts';
import { type UnusedApp, unusedAppsHint } from '../apps/environment-app.ts';
import {
  ConfigError,
  environmentSource,
  readSettings,
  textIn,
  type Values,
  type Variables,
} from '../settings/settings.ts';
import { type AuthGatewayOptions, decisionLimits, gatewayOptions } from './access/gateway.ts';
import { tokenOptions, unusedTokenSettings } from './access/tokens.ts';
import { cutoverOptions } from './cutover.ts';
import { equalPorts, unusedHosts } from './listen.ts';
import { restartMark } from './laravel/cache.ts';
import { renamedSettings } from './renamed.ts';
import { redisOptions, redisSource, redisWarnings } from './redis.ts';
import { SERVER_SETTINGS } from './server.ts';
import { soketiVariables } from './soketi.ts';
import type { AppsDatabase } from '../apps/sql/options.ts';
import { type Ceilings, largestOf } from '../apps/ceilings.ts';
import type { App } from '../core/app.ts';
import type { DecisionLimits } from '../core/decisions.ts';
import type { TokenOptions } from '../auth/tokens/options.ts';
import type { CutoverOptions } from '../cutover/ports/options.ts';
import type { LaravelCacheOptions } from '../stores/laravel-cache/options.ts';
import type { RedisOptions } from '../stores/redis/options.ts';
import type { TlsOptions } from '../transports/tls.ts';

export { DEVELOPMENT } from '../apps/find-apps.ts';
export { SERVER_SETTINGS } from './server.ts';

export interface Config extends Omit<
  Values<typeof SERVER_SETTINGS>,
  'apps' | 'appsDatabase' | 'restartOnReverb'
> {
  /** The apps that never change; none if they are in a database. */
  readonly apps: readonly App[];
  /** `undefined`: the apps are in no database. */
  readonly appsDatabase: AppsDatabase | undefined;
  /** The largest limits of any app. */
  readonly largest: Ceilings;
  /** The source of the apps, for the start block. */
  readonly appsFrom: string;
  /** Apps that the environment names and that are not served, because another source has precedence. */
  readonly unusedApps: readonly UnusedApp[];
  /** Sentence about these apps, for the log lines of requests to them. */
  readonly unusedAppsHint: string | undefined;
  /** Settings that are set and have no effect, as sentences. */
  readonly warnings: readonly string[];
  readonly tls: TlsOptions;
  /** Limit of all network sockets, requests included, that leaves files for the server itself; 0: no limit. */
  readonly maxSockets: number;
  /** The form of errors for clients whose app is not known. */
  readonly errorDataAsString: boolean;
  /** `undefined`: this node is the only one. */
  readonly redis: RedisOptions | undefined;
  /** Mark of `php artisan reverb:restart`; `undefined`: it is not looked at. */
  readonly restartMark: LaravelCacheOptions | undefined;
  /** `undefined`: no token gives a right. */
  readonly tokens: TokenOptions | undefined;
  /** `undefined`: there is no upstream. */
  readonly cutover: CutoverOptions | undefined;
  /** `undefined`: there is no auth gateway. */
  readonly auth: AuthGatewayOptions | undefined;
  readonly decisionLimits: DecisionLimits;
}

/** Reads and checks the whole configuration. Throws `ConfigError` with all problems at once. */
export function readConfig(variables: Variables): Config {
  const problems: string[] = renamedSettings(variables);
  const values = readSettings(
    SERVER_SETTINGS,
    redisSource(environmentSource(variables), variables),
    problems,
  );
  const found = findApps(values, variables, problems);
  const redis = redisOptions(values, problems);
  if (found.database !== undefined && values.cutoverUpstream !== undefined)
    problems.push(DATABASE_AND_CUTOVER);
  if (redis?.path === undefined && redis?.host.includes('@') === true) problems.push(CREDENTIALS_IN_HOST);
  problems.push(...workersWithoutRedis(values), ...equalPorts(values));
  const cutover = cutoverOptions(
    { ...values, ...upstreamRequestSize({ ...variables, ...found.overrides }) },
    problems,
  );
  const tokens = tokenOptions(
    values,
    {
      appIds: found.apps.map(({ id }) => id),
      hasUpstream: () => textIn(variables, 'WAVEHALL_AUTH_UPSTREAM') !== undefined,
    },
    problems,
  );
  const auth = gatewayOptions(values, tokens !== undefined, variables, problems);
  const mark = restartMark(values, variables, problems);
  if (problems.length > 0) throw new ConfigError(problems);
  const { tlsCert, tlsKey, tlsPassphrase, hostname, maxBufferTotalBytes } = values;
  return Object.freeze({
    ...values,
    host: serverHost(values.host, found, variables),
    path: values.path.replace(/^\/+|\/+$/g, ''),
    maxBufferTotalBytes: maxBufferTotalBytes || Math.floor(getHeapStatistics().heap_size_limit / 4),
    apps: found.apps,
    appsDatabase: found.database,
    largest: largestOf(found.database === undefined ? found.apps : [{ limits: found.database.ceilings }]),
    appsFrom: found.from,
    // An invalid value is reported where the apps are read.
    ...readSettings({ errorDataAsString: APP_OPTIONS.errorDataAsString }, environmentSource(variables), []),
    maxSockets: 0,
    warnings: [
      ...(found.warnings ?? []),
      ...soketiVariables(variables),
      ...redisWarnings(values, redis),
      ...unusedHosts(values),
      ...unusedTokenSettings(values, tokens),
    ],
    unusedApps: found.unused,
    unusedAppsHint: unusedAppsHint(found.unused, found.from),
    redis,
    restartMark: mark,
    tokens,
    cutover,
    auth,
    decisionLimits: decisionLimits(values),
    tls: { localCert: tlsCert, localPk: tlsKey, passphrase: tlsPassphrase, hostname, ...found.tls },
  });
}

const CREDENTIALS_IN_HOST =
  'REDIS_HOST=(not shown): expected a host alone; user and password go to REDIS_USERNAME and REDIS_PASSWORD';

const DATABASE_AND_CUTOVER =
  'WAVEHALL_CUTOVER_UPSTREAM: expected not to be set together with WAVEHALL_APPS_DATABASE, because the bridge to the other server knows its apps from the start; move the browsers first, then the apps';

/** The app for development has public credentials: it is served on the loopback, unless a host is set. */
const serverHost = (host: string, { from }: FoundApps, variables: Variables): string =>
  from === DEVELOPMENT && textIn(variables, SERVER_SETTINGS.host.name) === undefined ? '127.0.0.1' : host;

/** Takes `REVERB_MAX_REQUEST_SIZE` as the limit of the upstream too, unless that is set: both servers may read one `.env`. */
function upstreamRequestSize(variables: Variables): { readonly cutoverRequestBytes?: number } {
  const bytes = Number(textIn(variables, 'REVERB_MAX_REQUEST_SIZE') ?? 0);
  const isSet = textIn(variables, SERVER_SETTINGS.cutoverRequestBytes.name) !== undefined;
  return isSet || !(bytes > 0) ? {} : { cutoverRequestBytes: bytes };
}

/** Reports several workers without Redis: each is a node, and its clients would not get the events of the others. */
function workersWithoutRedis({ workers, scaling }: Values<typeof SERVER_SETTINGS>): string[] {
  if (workers === 1 || scaling) return [];
  const { workers: setting, scaling: redis } = SERVER_SETTINGS;
  return [
    `${setting.name}="${workers}": expected ${redis.name}=true and Redis (REDIS_URL, or REDIS_HOST and REDIS_PORT), because workers are connected over Redis`,
  ];
}
