import { Unavailable } from '../../../core/ports/failures.ts';
import { addressOf, type RedisOptions } from '../options.ts';

export interface Problem {
  /** `away`: nobody answered. Everything else is for an operator to mend. */
  readonly kind: 'away' | 'login' | 'permission' | 'setting' | 'state';
  /** Names the setting to look at, and never a secret. */
  readonly sentence: string;
}

type Rule = readonly [pattern: RegExp, kind: Problem['kind'], sentence: (found: RegExpExecArray) => string];

const RULES: readonly Rule[] = [
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
  [/DB index is out of range/, 'setting', () => 'Redis has no database of that number: check REDIS_DB'],
  [/max number of clients/, 'state', () => 'Redis takes no more connections: raise maxclients in Redis'],
  [/(^|-)OOM /, 'state', () => 'Redis is full: raise maxmemory in Redis'],
  [/(^|-)MISCONF /, 'state', () => 'Redis cannot write to its disk and takes no changes'],
  [/(^|-)NOREPLICAS /, 'state', () => 'Redis has too few replicas and takes no changes'],
  [/(^|-)READONLY /, 'state', () => 'Redis is a replica and takes no changes'],
  [/(^|-)LOADING /, 'state', () => 'Redis is still loading its data'],
  [/(^|-)CLUSTERDOWN /, 'state', () => 'The Redis Cluster is down'],
  [
    /cluster support disabled/,
    'setting',
    () => 'Redis is no Cluster: use REDIS_HOST in place of WAVEHALL_REDIS_CLUSTER',
  ],
  [/^MOVED /, 'setting', () => 'Redis is a Cluster: set WAVEHALL_REDIS_CLUSTER'],
  [
    /self.signed|unable to verify|unable to get (?:local )?issuer|certificate has expired|altnames/i,
    'setting',
    ([words]) =>
      `the certificate of Redis is not trusted (${words}): check WAVEHALL_REDIS_TLS_CA and WAVEHALL_REDIS_TLS_VERIFY`,
  ],
  [
    /wrong version number|packet length too long|EPROTO|certificate required/i,
    'setting',
    () => 'Redis does not speak TLS as it is asked to: check REDIS_SCHEME',
  ],
  [
    /No such master|invalid reply: null/,
    'setting',
    () => 'the Sentinels know no master of that name: check WAVEHALL_REDIS_SENTINEL_NAME',
  ],
];

/** What a failure means for an operator. */
export function explain(error: unknown, options: RedisOptions): Problem {
  const words = wordsOf(error);
  if (options.sentinels !== undefined && /sentinel/i.test(words) && /WRONGPASS|NOAUTH/.test(words)) {
    return {
      kind: 'login',
      sentence: 'the Sentinels refuse the login: check WAVEHALL_REDIS_SENTINEL_PASSWORD',
    };
  }
  for (const [pattern, kind, sentence] of RULES) {
    const found = pattern.exec(words);
    if (found !== null) return { kind, sentence: sentence(found) };
  }
  return { kind: 'away', sentence: unreachable(words, options) };
}

/**
 * True when trying again fails again: a script met something that it cannot work with, or its answer is none. Links,
 * permissions and a full Redis are mended by time or an operator.
 */
export function isLasting(error: unknown): boolean {
  if (!(error instanceof Unavailable)) return true;
  return isScriptFault(error);
}

/** True when what keys hold, or the script itself, is at fault. */
export function isScriptFault(error: unknown): boolean {
  const words = wordsOf(error);
  return /user_script|WRONGTYPE/.test(words) && !RULES.some(([pattern]) => pattern.test(words));
}

/** What Redis or the link said: whoever passed it on may have put words of his own around it. */
function wordsOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause === undefined ? error.message : wordsOf(error.cause);
}

function unreachable(words: string, options: RedisOptions): string {
  const { sentinels, cluster, host, port, path, tls } = options;
  const several = cluster ?? sentinels;
  const at = (several ?? [{ host, port, path }]).map(addressOf).join(', ');
  const setting =
    cluster !== undefined
      ? 'WAVEHALL_REDIS_CLUSTER'
      : sentinels !== undefined
        ? 'WAVEHALL_REDIS_SENTINELS'
        : path === undefined
          ? 'REDIS_URL, or REDIS_HOST, REDIS_PORT and REDIS_SCHEME'
          : 'REDIS_URL, REDIS_HOST or REDIS_PATH, and whether this user may open that socket';
  const code = /\bE[A-Z]{4,}\b/.exec(words)?.[0];
  // The library keeps to itself what several servers said of a certificate.
  const trust = tls && several !== undefined ? ', and WAVEHALL_REDIS_TLS_CA' : '';
  return `Redis cannot be reached at ${at}${code === undefined ? '' : ` (${code})`}: check ${setting}${trust}`;
}
