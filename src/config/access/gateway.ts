import type { AppUpstreamOptions, GatewayOptions, GatewayPaths } from '../../auth/gateway/options.ts';
import { LaravelCookies, laravelKey } from '../../auth/gateway/laravel-cookie.ts';
import { DEFAULT_DECISION_LIMITS, type DecisionLimits, MAX_KEEP_MS } from '../../core/decisions.ts';
import {
  boolean,
  integer,
  limit,
  list,
  optionalText,
  setting,
  type SettingType,
  textIn,
  type Values,
  type Variables,
} from '../../settings/settings.ts';
import { readCertificates } from '../certificates.ts';
import { upstreamUrl } from '../cutover.ts';
import { slug } from '../laravel/slug.ts';

const DAY_SECONDS = 86_400;

const paths: SettingType<readonly string[]> = {
  expected: 'paths such as /broadcasting/auth, separated by commas',
  parse(given) {
    const all = list.parse(given);
    return all?.every((each) => /^(\/[\w.~-]+)+$/.test(each)) === true ? all : undefined;
  },
};

/** Settings of the auth gateway in front of Laravel (SPEC 14). */
export const GATEWAY_SETTINGS = {
  authUpstream: setting(
    'WAVEHALL_AUTH_UPSTREAM',
    upstreamUrl,
    '',
    'URL at which this server reaches Laravel, e.g. http://127.0.0.1:8000: it then answers /broadcasting/auth itself and asks Laravel only for what is new; empty: no gateway.',
  ),
  authPaths: setting(
    'WAVEHALL_AUTH_PATHS',
    paths,
    '/broadcasting/auth',
    'Paths at which clients ask Laravel for channels.',
  ),
  authUserPaths: setting(
    'WAVEHALL_AUTH_USER_PATHS',
    paths,
    '/broadcasting/user-auth',
    'Paths at which clients ask Laravel to sign in a user.',
  ),
  authTtlSeconds: setting(
    'WAVEHALL_AUTH_TTL',
    integer(0, DAY_SECONDS),
    60,
    'Seconds for which what Laravel allowed is allowed again without asking; 0: Laravel is always asked.',
  ),
  authStaleSeconds: setting(
    'WAVEHALL_AUTH_STALE',
    integer(0, DAY_SECONDS),
    0,
    'Further seconds for which it is allowed while Laravel does not answer; 0: none.',
  ),
  authConcurrency: setting(
    'WAVEHALL_AUTH_CONCURRENCY',
    integer(1, 10_000),
    10,
    'Requests that Laravel gets at once from one node or worker; about as many as it has PHP workers.',
  ),
  authTimeoutSeconds: setting(
    'WAVEHALL_AUTH_TIMEOUT',
    integer(1, 60),
    5,
    'Seconds that Laravel has to answer.',
  ),
  authWaitSeconds: setting(
    'WAVEHALL_AUTH_WAIT',
    integer(0, 60),
    5,
    'Seconds for which a request waits for its turn, or for a Laravel that is away, before it is answered 503.',
  ),
  authMaxWaiting: setting(
    'WAVEHALL_AUTH_MAX_WAITING',
    integer(1),
    2000,
    'Requests that may wait on one node or worker; beyond, they are answered 503.',
  ),
  authMaxWaitingPerAddress: setting(
    'WAVEHALL_AUTH_MAX_WAITING_PER_ADDRESS',
    limit,
    200,
    'Requests of one client address that may wait on one node or worker; 0: no limit.',
  ),
  authMaxRequestBytes: setting(
    'WAVEHALL_AUTH_MAX_REQUEST_SIZE',
    integer(1),
    16_384,
    "Bytes of the body of a client's request.",
  ),
  authMaxAnswerBytes: setting(
    'WAVEHALL_AUTH_MAX_ANSWER_SIZE',
    integer(1),
    65_536,
    'Bytes of an answer of Laravel.',
  ),
  authCacheOwners: setting(
    'WAVEHALL_AUTH_CACHE_OWNERS',
    integer(1),
    DEFAULT_DECISION_LIMITS.owners,
    'Sessions and tokens for which decisions are remembered, over all nodes; beyond, those that end first are forgotten.',
  ),
  authCachePerOwner: setting(
    'WAVEHALL_AUTH_CACHE_PER_OWNER',
    integer(1, 10_000),
    DEFAULT_DECISION_LIMITS.perOwner,
    'Decisions of one session or token that are remembered.',
  ),
  authSessionCookie: setting(
    'WAVEHALL_AUTH_SESSION_COOKIE',
    optionalText,
    '',
    "Name of Laravel's session cookie; default: SESSION_COOKIE, or the name that Laravel makes of APP_NAME.",
  ),
  authIgnoredCookies: setting(
    'WAVEHALL_AUTH_IGNORE_COOKIES',
    list,
    '',
    'Further cookies that change often and have no effect on what Laravel allows, e.g. of an analysis tool; * at the end stands for any rest.',
  ),
  authIgnoredHeaders: setting(
    'WAVEHALL_AUTH_IGNORE_HEADERS',
    list,
    '',
    'Further headers that change often and have no effect on what Laravel allows, in lower case; * at the end stands for any rest.',
  ),
  authTlsCa: setting(
    'WAVEHALL_AUTH_TLS_CA',
    optionalText,
    '',
    "CA certificate file for Laravel, besides the system's.",
  ),
  authTlsVerify: setting(
    'WAVEHALL_AUTH_TLS_VERIFY',
    boolean,
    true,
    'false: do not verify the TLS certificate of Laravel (insecure).',
  ),
} as const;

/** Cookies that Laravel encrypts anew in each answer, or that tools of others set. */
const IGNORED_COOKIES = [
  'XSRF-TOKEN',
  '_ga',
  '_ga_*',
  '_gid',
  '_gat*',
  '_gcl_*',
  '_fbp',
  '_fbc',
  '_hj*',
  '_pk_*',
  '_clck',
  '_clsk',
];

export interface AuthGatewayOptions {
  readonly gateway: GatewayOptions;
  /** `undefined`: tokens alone decide. */
  readonly upstream: AppUpstreamOptions | undefined;
  readonly paths: GatewayPaths;
  readonly maxRequestBytes: number;
}

type Given = Values<typeof GATEWAY_SETTINGS>;

export const decisionLimits = ({ authCacheOwners, authCachePerOwner }: Given): DecisionLimits => ({
  owners: authCacheOwners,
  perOwner: authCachePerOwner,
});

/** The auth gateway; `undefined`: neither Laravel's address nor keys of tokens are set. Problems are added to `problems`. */
export function gatewayOptions(
  given: Given,
  hasTokens: boolean,
  variables: Variables,
  problems: string[],
): AuthGatewayOptions | undefined {
  const { authUpstream: url } = given;
  if (url === undefined && !hasTokens) return undefined;
  const both = given.authPaths.find((path) => given.authUserPaths.includes(path));
  if (both !== undefined)
    problems.push(
      `${GATEWAY_SETTINGS.authPaths.name} and ${GATEWAY_SETTINGS.authUserPaths.name}: expected ${both} in one of them only`,
    );
  return {
    gateway: {
      ttlMs: given.authTtlSeconds * 1000,
      staleMs: Math.min(given.authStaleSeconds * 1000, MAX_KEEP_MS - given.authTtlSeconds * 1000),
      ignoredHeaders: given.authIgnoredHeaders.map((name) => name.toLowerCase()),
      ignoredCookies: [...IGNORED_COOKIES, ...given.authIgnoredCookies],
      sessionCookies: sessionCookies(given, variables),
      laravelCookies: laravelCookies(variables, problems),
    },
    upstream: url && upstreamOptions(url, given, problems),
    paths: { channel: given.authPaths, user: given.authUserPaths },
    maxRequestBytes: given.authMaxRequestBytes,
  };
}

function upstreamOptions(url: URL, given: Given, problems: string[]): AppUpstreamOptions {
  const { authTlsCa, authTlsVerify: tlsVerify } = given;
  const tlsCa = authTlsCa && readCertificates(GATEWAY_SETTINGS.authTlsCa.name, authTlsCa, problems);
  return {
    app: { url, tlsCa, tlsVerify },
    atOnce: given.authConcurrency,
    waiting: given.authMaxWaiting,
    waitingPerAddress: given.authMaxWaitingPerAddress,
    timeoutMs: given.authTimeoutSeconds * 1000,
    waitMs: given.authWaitSeconds * 1000,
    maxAnswerBytes: given.authMaxAnswerBytes,
  };
}

/** Names of the session cookie: the one that is set, or those that the versions of Laravel make of the app's name. */
function sessionCookies({ authSessionCookie }: Given, variables: Variables): string[] {
  const named = authSessionCookie ?? textIn(variables, 'SESSION_COOKIE')?.trim();
  if (named !== undefined) return [named];
  const app = textIn(variables, 'APP_NAME') ?? 'laravel';
  return [`${slug(app, '_')}_session`, `${slug(app, '-')}-session`];
}

/** Reads Laravel's cookies, if `APP_KEY` is known; `undefined`: it is not. */
function laravelCookies(variables: Variables, problems: string[]): LaravelCookies | undefined {
  const text = textIn(variables, 'APP_KEY')?.trim();
  if (text === undefined) return undefined;
  const earlier = list.parse(textIn(variables, 'APP_PREVIOUS_KEYS') ?? '') ?? [];
  const keys = [text, ...earlier].map(laravelKey);
  if (keys.some((key) => key === undefined))
    problems.push(
      'APP_KEY, APP_PREVIOUS_KEYS=(not shown): expected keys of 16 or 32 bytes, such as base64:…',
    );
  return new LaravelCookies(keys.filter((key) => key !== undefined));
}
