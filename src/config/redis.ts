import {
  boolean,
  integer,
  type Kind,
  limit,
  list,
  oneOf,
  optionalText,
  secret,
  text,
  type Values,
} from '../apps/settings.ts';
import type { Address, RedisOptions } from '../stores/redis/options.ts';
import { readCertificates } from './certificates.ts';
import { setting } from './setting.ts';

const DEFAULT_PORT = 6379;
const DEFAULT_SENTINEL_PORT = 26_379;

const addresses = (usualPort: number): Kind<readonly Address[]> => ({
  expected: 'host:port,host:port',
  parse(given) {
    const found = list.parse(given)?.map((each) => addressIn(each, usualPort));
    return found?.every((each) => each !== undefined) === true ? found : undefined;
  },
});

/** Where Redis is and how it is used: Laravel's own names where it has one. */
export const REDIS_SETTINGS = {
  scaling: setting(
    'REVERB_SCALING_ENABLED',
    boolean,
    false,
    'Several nodes share what they know over Redis.',
  ),
  redisUrl: setting(
    'REDIS_URL',
    optionalText,
    '',
    'Redis as one URL (redis:// or rediss://), before the parts below.',
  ),
  redisHost: setting('REDIS_HOST', text, '127.0.0.1', 'Host of Redis; tls:// before it is REDIS_SCHEME=tls.'),
  redisPort: setting('REDIS_PORT', integer(1, 65_535), DEFAULT_PORT, 'Port of Redis.'),
  redisUsername: setting('REDIS_USERNAME', optionalText, '', 'ACL user of Redis.'),
  redisPassword: setting('REDIS_PASSWORD', secret, '', 'Password of Redis.'),
  redisDatabase: setting('REDIS_DB', limit, 0, 'Number of the Redis database.'),
  redisScheme: setting('REDIS_SCHEME', oneOf('tcp', 'tls'), 'tcp', 'tls: speak TLS to Redis.'),
  redisTlsCa: setting(
    'WAVEHALL_REDIS_TLS_CA',
    optionalText,
    '',
    'File with certificates that are trusted for Redis besides the usual ones.',
  ),
  redisTlsVerify: setting(
    'WAVEHALL_REDIS_TLS_VERIFY',
    boolean,
    true,
    'false: trust whoever answers in the place of Redis.',
  ),
  redisSentinels: setting(
    'WAVEHALL_REDIS_SENTINELS',
    addresses(DEFAULT_SENTINEL_PORT),
    '',
    'Sentinels that know where Redis is: host:port,host:port.',
  ),
  redisSentinelName: setting(
    'WAVEHALL_REDIS_SENTINEL_NAME',
    text,
    'mymaster',
    'What the Sentinels call the master.',
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
    addresses(DEFAULT_PORT),
    '',
    'Some servers of a Redis Cluster (7 or newer): host:port,host:port.',
  ),
  redisPrefix: setting(
    'WAVEHALL_REDIS_PREFIX',
    text,
    'wavehall:',
    'What every key and channel in Redis begins with.',
  ),
  redisPartitions: setting(
    'WAVEHALL_REDIS_PARTITIONS',
    integer(1, 1024),
    16,
    'Parts that the data is cut into; the same on all nodes.',
  ),
  redisTimeoutMs: setting(
    'WAVEHALL_REDIS_TIMEOUT_MS',
    integer(50),
    900,
    'Milliseconds that Redis has for an answer.',
  ),
  leaseSeconds: setting(
    'WAVEHALL_LEASE_SECONDS',
    integer(1),
    12,
    'Silence after which the others bury a node.',
  ),
} as const;

type RedisValues = Values<typeof REDIS_SETTINGS>;

/** How the stores are to reach Redis; `undefined` when this node is the only one. What is wrong is added to `problems`. */
export function redisOptions(values: RedisValues, problems: string[]): RedisOptions | undefined {
  if (!values.scaling) return undefined;
  const url = values.redisUrl === undefined ? {} : partsOf(values.redisUrl);
  problems.push(...contradictions(values, url));
  return {
    ...single(values),
    ...url,
    ...servers(values),
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

/** What cannot be meant. Whatever stands in a URL may be a password: it is not shown. */
function* contradictions(values: RedisValues, url: Parts | undefined): Generator<string> {
  const { redisSentinels, redisCluster, redisDatabase, redisPrefix } = values;
  const isCluster = redisCluster.length > 0;
  if (url === undefined) yield 'REDIS_URL=(not shown): expected redis://user:password@host:port/0';
  if (isCluster && redisSentinels.length > 0)
    yield 'WAVEHALL_REDIS_CLUSTER: expected not to be set together with WAVEHALL_REDIS_SENTINELS';
  if (isCluster && (url?.database ?? redisDatabase) !== 0)
    yield 'REDIS_DB: expected 0, because a Redis Cluster has only that database';
  if (/[{}]/.test(redisPrefix))
    yield 'WAVEHALL_REDIS_PREFIX: expected a text without { and }, which mean something to a Cluster';
}

/** Those who know where Redis is, when it is not one server. */
function servers(values: RedisValues) {
  const { redisSentinels, redisCluster } = values;
  return {
    sentinels: redisSentinels.length > 0 ? redisSentinels : undefined,
    sentinelName: values.redisSentinelName,
    sentinelUsername: values.redisSentinelUsername,
    sentinelPassword: values.redisSentinelPassword,
    cluster: redisCluster.length > 0 ? redisCluster : undefined,
  };
}

function single(values: RedisValues) {
  const { redisHost, redisPort, redisUsername, redisPassword, redisDatabase, redisScheme } = values;
  return {
    host: redisHost.replace(/^(tls|tcp):\/\//, ''),
    port: redisPort,
    username: redisUsername,
    password: redisPassword,
    database: redisDatabase,
    tls: redisScheme === 'tls' || redisHost.startsWith('tls://'),
  };
}

type Parts = Partial<ReturnType<typeof single>>;

/** What a URL says; as in Laravel, the rest is taken from the variables. */
function partsOf(given: string): Parts | undefined {
  const url = URL.canParse(given) ? new URL(given) : undefined;
  if (url === undefined || !/^(rediss?|tls|tcp):$/.test(url.protocol) || url.hostname === '')
    return undefined;
  const database = url.pathname.replace(/^\//, '');
  if (!/^\d{0,5}$/.test(database)) return undefined;
  try {
    return {
      host: url.hostname.replace(/^\[|\]$/g, ''),
      tls: /^(rediss|tls):$/.test(url.protocol),
      ...(url.port === '' ? {} : { port: Number(url.port) }),
      ...(url.username === '' ? {} : { username: decodeURIComponent(url.username) }),
      ...(url.password === '' ? {} : { password: decodeURIComponent(url.password) }),
      ...(database === '' ? {} : { database: Number(database) }),
    };
  } catch {
    return undefined;
  }
}

function addressIn(given: string, usualPort: number): Address | undefined {
  const found = /^(\[[\da-f:]+\]|[^:[\]/@\s]+)(?::(\d{1,5}))?$/i.exec(given);
  const port = Number(found?.[2] ?? usualPort);
  if (found?.[1] === undefined || port < 1 || port > 65_535) return undefined;
  return { host: found[1].replace(/^\[|\]$/g, ''), port };
}
