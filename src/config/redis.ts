import {
  boolean,
  integer,
  type SettingType,
  limit,
  list,
  optionalText,
  secret,
  type SettingSource,
  text,
  textIn,
  type Values,
  type Variables,
  setting,
} from '../settings/settings.ts';
import type { Address } from '../stores/redis/link/servers.ts';
import type { RedisOptions } from '../stores/redis/options.ts';
import { readCertificates } from './certificates.ts';
import { parseAddress, type RedisUrl, parseRedisUrl, socketPathIn } from './redis-address.ts';

const DEFAULT_PORT = 6379;
const DEFAULT_SENTINEL_PORT = 26_379;

const addressList = (usualPort: number): SettingType<readonly Address[]> => ({
  expected: 'host:port,host:port',
  parse(given) {
    const found = list.parse(given)?.map((each) => parseAddress(each, usualPort));
    return found?.every((each) => each !== undefined) === true ? found : undefined;
  },
});

/** The schemes of both Redis clients that Laravel has. */
const SCHEMES: Readonly<Record<string, 'tcp' | 'tls' | 'unix'>> = {
  tcp: 'tcp',
  redis: 'tcp',
  tls: 'tls',
  rediss: 'tls',
  unix: 'unix',
};

const scheme: SettingType<'tcp' | 'tls' | 'unix'> = {
  expected: `one of ${Object.keys(SCHEMES).join(', ')}`,
  parse: (given) => (Object.hasOwn(SCHEMES, given) ? SCHEMES[given] : undefined),
};

/** Kubernetes and Docker set this name to a URL where a service is called redis. */
const port: SettingType<number> = {
  expected: `a whole number from 1 to 65535; Kubernetes sets this name for a service called redis (enableServiceLinks: false ends that), and a port in REDIS_URL wins over it`,
  parse: (given) => integer(1, 65_535).parse(given),
};

/** Settings of Redis, under the names that Laravel uses where it has them. */
export const REDIS_SETTINGS = {
  scaling: setting('REVERB_SCALING_ENABLED', boolean, false, 'Connect several nodes over Redis.'),
  redisUrl: setting(
    'REDIS_URL',
    optionalText,
    '',
    'URL of Redis (redis://, rediss:// or unix:///path); wins over the parts below.',
  ),
  redisHost: setting(
    'REDIS_HOST',
    text,
    '127.0.0.1',
    'Host of Redis, or the path of its unix socket; a tls:// prefix means REDIS_SCHEME=tls.',
  ),
  redisPort: setting('REDIS_PORT', port, DEFAULT_PORT, 'Port of Redis; not used with a unix socket.'),
  redisUsername: setting('REDIS_USERNAME', optionalText, '', 'ACL user of Redis.'),
  redisPassword: setting('REDIS_PASSWORD', secret, '', 'Password of Redis.'),
  redisDatabase: setting('REDIS_DB', limit, 0, 'Number of the Redis database.'),
  redisScheme: setting(
    'REDIS_SCHEME',
    scheme,
    'tcp',
    'tls: connect to Redis over TLS; unix: connect to the socket at REDIS_PATH or REDIS_HOST.',
  ),
  redisPath: setting(
    'REDIS_PATH',
    optionalText,
    '',
    'Path of the unix socket of Redis, with REDIS_SCHEME=unix.',
  ),
  redisTls: setting('REDIS_TLS', boolean, false, 'true: the same as REDIS_SCHEME=tls.'),
  redisTlsCa: setting(
    'WAVEHALL_REDIS_TLS_CA',
    optionalText,
    '',
    "CA certificate file for Redis, besides the system's.",
  ),
  redisTlsVerify: setting(
    'WAVEHALL_REDIS_TLS_VERIFY',
    boolean,
    true,
    'false: do not verify the TLS certificate of Redis (insecure).',
  ),
  redisSentinels: setting(
    'WAVEHALL_REDIS_SENTINELS',
    addressList(DEFAULT_SENTINEL_PORT),
    '',
    'Addresses of Redis Sentinels: host:port,host:port.',
  ),
  redisSentinelName: setting(
    'WAVEHALL_REDIS_SENTINEL_NAME',
    text,
    'mymaster',
    'Name of the master at the Sentinels.',
  ),
  redisSentinelUsername: setting(
    'WAVEHALL_REDIS_SENTINEL_USERNAME',
    optionalText,
    '',
    'ACL user of the Sentinels.',
  ),
  redisSentinelPassword: setting(
    'WAVEHALL_REDIS_SENTINEL_PASSWORD',
    secret,
    '',
    'Password of the Sentinels.',
  ),
  redisCluster: setting(
    'WAVEHALL_REDIS_CLUSTER',
    addressList(DEFAULT_PORT),
    '',
    'Addresses of some servers of a Redis Cluster (7 or newer): host:port,host:port.',
  ),
  redisPrefix: setting(
    'WAVEHALL_REDIS_PREFIX',
    text,
    'wavehall:',
    'Prefix of every key and pub/sub channel in Redis.',
  ),
  redisPartitions: setting(
    'WAVEHALL_REDIS_PARTITIONS',
    integer(1, 1024),
    16,
    'Number of key partitions; must be the same on every node.',
  ),
  redisTimeoutMs: setting(
    'WAVEHALL_REDIS_TIMEOUT_MS',
    integer(50),
    900,
    'Redis command timeout, in milliseconds.',
  ),
  leaseSeconds: setting(
    'WAVEHALL_LEASE_SECONDS',
    integer(1),
    12,
    'Seconds without a heartbeat after which a node counts as dead and its members are removed.',
  ),
} as const;

type RedisValues = Values<typeof REDIS_SETTINGS>;

/** Ignores `REDIS_*` variables without effect, so that their values are not checked: they may belong to another program. */
export function redisSource(source: SettingSource, variables: Variables): SettingSource {
  const textOf = ({ name }: { readonly name: string }): string | undefined => textIn(variables, name)?.trim();
  if (boolean.parse(textOf(REDIS_SETTINGS.scaling) ?? '') !== true)
    return without(source, (name) => name.startsWith('REDIS_'));
  const unused = new Set(unusedSettings(textOf));
  return without(source, (name) => unused.has(name));
}

const without = (source: SettingSource, isUnused: (name: string) => boolean): SettingSource => ({
  ...source,
  textOf: (setting) => (isUnused(setting.name) ? undefined : source.textOf(setting)),
});

function* unusedSettings(
  textOf: (setting: { readonly name: string }) => string | undefined,
): Generator<string> {
  const { redisHost, redisPort, redisUrl, redisScheme, redisSentinels, redisCluster } = REDIS_SETTINGS;
  const url = parseRedisUrl(textOf(redisUrl) ?? '');
  const hasSeveralServers = [redisSentinels, redisCluster].some((each) => textOf(each) !== undefined);
  if (hasSeveralServers || url !== undefined) yield redisHost.name;
  const isSocket =
    url === undefined
      ? textOf(redisScheme) === 'unix' || socketPathIn(textOf(redisHost) ?? '') !== undefined
      : url.path !== undefined;
  if (hasSeveralServers || isSocket || url?.port !== undefined) yield redisPort.name;
}

/** Options of the Redis stores; `undefined` when this node is the only one. Problems are added to `problems`. */
export function redisOptions(values: RedisValues, problems: string[]): RedisOptions | undefined {
  if (!values.scaling) return undefined;
  const url = values.redisUrl === undefined ? {} : parseRedisUrl(values.redisUrl);
  problems.push(...conflictingSettings(values, url));
  return {
    ...singleServer(values),
    ...url,
    ...sentinelsOrCluster(values),
    tlsCa:
      values.redisTlsCa === undefined
        ? undefined
        : readCertificates(REDIS_SETTINGS.redisTlsCa.name, values.redisTlsCa, problems),
    tlsVerify: values.redisTlsVerify,
    keyPrefix: values.redisPrefix,
    partitions: values.redisPartitions,
    leaseMs: values.leaseSeconds * 1000,
    commandTimeoutMs: values.redisTimeoutMs,
  };
}

/** Warns when a setting asks for TLS and REDIS_URL, which wins as in Laravel, does not. */
export function redisWarnings(
  { redisTls, redisScheme }: RedisValues,
  redis: RedisOptions | undefined,
): string[] {
  if (redis === undefined || redis.tls) return [];
  const name = redisTls ? 'REDIS_TLS=true' : redisScheme === 'tls' ? 'REDIS_SCHEME=tls' : undefined;
  return name === undefined
    ? []
    : [`${name} has no effect, because REDIS_URL decides: TLS to Redis is a URL that begins with rediss://`];
}

/** Lists settings that contradict each other. Parts of a URL are not shown: each may be a password. */
function* conflictingSettings(values: RedisValues, url: RedisUrl | undefined): Generator<string> {
  const { redisSentinels, redisCluster, redisDatabase, redisPrefix } = values;
  const isCluster = redisCluster.length > 0;
  if (url === undefined)
    yield 'REDIS_URL=(not shown): expected redis://user:password@host:port/0 or unix:///path?db=0';
  if (isCluster && redisSentinels.length > 0)
    yield 'WAVEHALL_REDIS_CLUSTER: expected not to be set together with WAVEHALL_REDIS_SENTINELS';
  if (!isCluster && redisSentinels.length === 0 && values.redisUrl === undefined)
    yield* conflictsOfSocket(values);
  if (isCluster && (url?.database ?? redisDatabase) !== 0)
    yield 'REDIS_DB: expected 0, because a Redis Cluster has only that database';
  if (/[{}]/.test(redisPrefix))
    yield 'WAVEHALL_REDIS_PREFIX: expected a text without { and }, which mean something to a Cluster';
}

function* conflictsOfSocket(values: RedisValues): Generator<string> {
  const { path, tls } = singleServer(values);
  if (path === undefined && (values.redisScheme === 'unix' || /^unix:/i.test(values.redisHost)))
    yield 'REDIS_PATH, REDIS_HOST: expected the whole path of a unix socket, such as /run/redis/redis.sock';
  if (path !== undefined && tls)
    yield 'REDIS_TLS, REDIS_SCHEME: expected no TLS, because Redis is at a unix socket';
}

/** Options of Sentinels or a Cluster. */
function sentinelsOrCluster(values: RedisValues) {
  const { redisSentinels, redisCluster } = values;
  return {
    sentinels: redisSentinels.length > 0 ? redisSentinels : undefined,
    sentinelName: values.redisSentinelName,
    sentinelUsername: values.redisSentinelUsername,
    sentinelPassword: values.redisSentinelPassword,
    cluster: redisCluster.length > 0 ? redisCluster : undefined,
  };
}

function singleServer(values: RedisValues) {
  const { redisHost, redisPort, redisUsername, redisPassword, redisDatabase, redisScheme, redisTls } = values;
  const path = redisScheme === 'unix' ? socketPathIn(values.redisPath ?? redisHost) : socketPathIn(redisHost);
  return {
    host: redisHost.replace(/^(tls|tcp):\/\//, ''),
    port: redisPort,
    path,
    username: redisUsername,
    password: redisPassword,
    database: redisDatabase,
    tls: redisScheme === 'tls' || redisTls || redisHost.startsWith('tls://'),
  };
}
