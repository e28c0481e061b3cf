import { Unavailable } from '../../../core/ports/failures.ts';
import { describeServers, type RedisServers } from './servers.ts';

export interface RedisProblem {
  /** `unreachable`: no server answered. An operator has to fix the other kinds. */
  readonly kind: 'unreachable' | 'login' | 'permission' | 'setting' | 'state';
  /** Names the setting to look at, and never a secret. */
  readonly sentence: string;
}

type ProblemRule = readonly [
  pattern: RegExp,
  kind: RedisProblem['kind'],
  sentence: (found: RegExpExecArray) => string,
];

const RULES: readonly ProblemRule[] = [
  [
    /no permissions to run the '([^']+)'/,
    'permission',
    ([, command]) => `the Redis user may not run ${command?.toUpperCase().replace('|', ' ')}: allow it (ACL)`,
  ],
  [
    /user executing the script can't run this command|ACL failure in script/,
    'permission',
    () => 'the Redis user may not run a command that is needed: allow it (ACL)',
  ],
  [
    /access (?:one of|at least one of) the keys|No permissions to access a key/,
    'permission',
    () => 'the Redis user may not use keys that begin with WAVEHALL_REDIS_PREFIX: allow them (ACL)',
  ],
  [
    /access (?:one of|at least one of) the channels|can't publish to the channel/,
    'permission',
    () => 'the Redis user may not use channels that begin with WAVEHALL_REDIS_PREFIX: allow them (ACL)',
  ],
  [
    /WRONGPASS|invalid password|without any password configured/,
    'login',
    () => 'Redis refuses the login: check REDIS_PASSWORD, and REDIS_USERNAME if there is one',
  ],
  [/NOAUTH/, 'login', () => 'Redis asks for a password: set REDIS_PASSWORD'],
  [/DB index is out of range/, 'setting', () => 'Redis has no database with this number: check REDIS_DB'],
  [/max number of clients/, 'state', () => 'Redis accepts no more connections: raise maxclients in Redis'],
  [/(^|-)OOM /, 'state', () => 'Redis is full: raise maxmemory in Redis'],
  [
    /(^|-)MISCONF /,
    'state',
    () =>
      'Redis cannot write to its disk and accepts no writes: check its disk, or stop-writes-on-bgsave-error',
  ],
  [
    /(^|-)NOREPLICAS /,
    'state',
    () => 'Redis has too few replicas and accepts no writes: check its replicas, or min-replicas-to-write',
  ],
  [
    /(^|-)READONLY /,
    'state',
    () => 'Redis is a replica and accepts no writes: its address has to be that of the master',
  ],
  [/(^|-)LOADING /, 'state', () => 'Redis is still loading its data'],
  [/(^|-)CLUSTERDOWN /, 'state', () => 'the Redis Cluster is down: check its servers (CLUSTER INFO)'],
  [
    /cluster support disabled/,
    'setting',
    () => 'this Redis is not a Cluster: use REDIS_HOST in place of WAVEHALL_REDIS_CLUSTER',
  ],
  [/^MOVED /, 'setting', () => 'this Redis is a Cluster: set WAVEHALL_REDIS_CLUSTER'],
  [
    /self.signed|unable to verify|unable to get (?:local )?issuer|certificate has expired|altnames/i,
    'setting',
    ([words]) =>
      `the certificate of Redis is not trusted (${words}): check WAVEHALL_REDIS_TLS_CA and WAVEHALL_REDIS_TLS_VERIFY`,
  ],
  [
    /wrong version number|packet length too long|EPROTO|certificate required/i,
    'setting',
    () => 'Redis expects TLS and this node does not use it, or the reverse: check REDIS_SCHEME',
  ],
  [
    /No such master|invalid reply: null/,
    'setting',
    () => 'the Sentinels have no master with this name: check WAVEHALL_REDIS_SENTINEL_NAME',
  ],
];

/** Explains an error to an operator. */
export function explainError(error: unknown, options: RedisServers): RedisProblem {
  const message = rootMessage(error);
  if (options.sentinels !== undefined && /sentinel/i.test(message) && /WRONGPASS|NOAUTH/.test(message)) {
    return {
      kind: 'login',
      sentence: 'the Sentinels refuse the login: check WAVEHALL_REDIS_SENTINEL_PASSWORD',
    };
  }
  for (const [pattern, kind, sentence] of RULES) {
    const found = pattern.exec(message);
    if (found !== null) return { kind, sentence: sentence(found) };
  }
  return { kind: 'unreachable', sentence: unreachable(message, options) };
}

/**
 * True when a retry fails again: a script met data that it cannot use, or its answer is invalid. Connections, permissions and a
 * full Redis recover by themselves or by an operator.
 */
export function isPermanent(error: unknown): boolean {
  if (!(error instanceof Unavailable)) return true;
  return isScriptFault(error);
}

/** True when the data in keys, or the script itself, caused the error. */
export function isScriptFault(error: unknown): boolean {
  const message = rootMessage(error);
  return /user_script|WRONGTYPE/.test(message) && !RULES.some(([pattern]) => pattern.test(message));
}

/** Returns the message of the innermost cause, which is the one of Redis or of the connection. */
function rootMessage(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause === undefined ? error.message : rootMessage(error.cause);
}

function unreachable(message: string, options: RedisServers): string {
  const { sentinels, cluster, path, tls } = options;
  const several = cluster ?? sentinels;
  const setting =
    cluster !== undefined
      ? 'WAVEHALL_REDIS_CLUSTER'
      : sentinels !== undefined
        ? 'WAVEHALL_REDIS_SENTINELS'
        : path === undefined
          ? 'REDIS_URL, or REDIS_HOST, REDIS_PORT and REDIS_SCHEME'
          : 'REDIS_URL, REDIS_HOST or REDIS_PATH, and whether this user may open that socket';
  const code = /\bE[A-Z]{4,}\b/.exec(message)?.[0];
  // ioredis does not report the certificate errors of several servers.
  const trust = tls && several !== undefined ? ', and WAVEHALL_REDIS_TLS_CA' : '';
  return `Redis cannot be reached at ${describeServers(options)}${code === undefined ? '' : ` (${code})`}: check ${setting}${trust}`;
}

/** Settles as a request to Redis does; a failed one rejects with `Unavailable`. */
export async function orUnavailable<T>(request: Promise<T>): Promise<T> {
  try {
    return await request;
  } catch (error) {
    throw new Unavailable('Redis is unavailable.', { cause: error });
  }
}
