import { describe, expect, test } from 'vitest';
import { APP_LIMITS } from '../../src/apps/limits.ts';
import { APP_OPTIONS, RATE_LIMITING } from '../../src/apps/options.ts';
import { ConfigError } from '../../src/settings/settings.ts';
import { readConfig, SERVER_SETTINGS } from '../../src/config/index.ts';
import { problemsIn } from './problems.ts';

type Variables = Record<string, string>;

const APP: Variables = { REVERB_APP_ID: 'a', REVERB_APP_KEY: 'b', REVERB_APP_SECRET: 'c' };

/** REDIS_* are looked at with scaling only. */
const scalingFor = (names: readonly string[]): Variables =>
  names.some((name) => name.startsWith('REDIS_')) ? { REVERB_SCALING_ENABLED: 'true' } : {};

const ON: Variables = { REVERB_APP_RATE_LIMITING_ENABLED: 'true' };

/** The value that the server works with, by the name of its variable. */
function valueOf(name: string, variables: Variables): unknown {
  const config = readConfig({ ...APP, ...ON, ...scalingFor(Object.keys(variables)), ...variables });
  const app = config.apps[0]!;
  const places: readonly (readonly [object, object])[] = [
    [SERVER_SETTINGS, config],
    [APP_OPTIONS, app],
    [APP_LIMITS, app.limits],
    [RATE_LIMITING, { ...app.rateLimiting, enabled: app.rateLimiting !== undefined }],
  ];
  for (const [settings, values] of places) {
    const field = Object.entries(settings).find(([, setting]) => setting.name === name)?.[0];
    if (field !== undefined) return (values as Record<string, unknown>)[field];
  }
  throw new Error(`No setting is called ${name}`);
}

const problemsOf = (variables: Variables): readonly string[] =>
  problemsIn(() => readConfig({ ...scalingFor(Object.keys(variables)), ...variables }));

interface WholeNumber {
  readonly rule: string;
  readonly name: string;
  readonly usual: number;
  readonly least: number;
  readonly most: number;
}

const UNBOUNDED = 999_999_999_999_999;
const whole = (rule: string, name: string, usual: number, least = 0, most = UNBOUNDED): WholeNumber => ({
  rule,
  name,
  usual,
  least,
  most,
});

const NUMBERS: readonly WholeNumber[] = [
  whole('9.9', 'WAVEHALL_WEBHOOK_STATE_BYTES', 67_108_864, 1024, 268_435_456),
  whole('2.1', 'REVERB_SERVER_PORT', 8080, 0, 65_535),
  whole('2.13', 'WAVEHALL_DRAIN_DELAY_SECONDS', 0, 0, 86_400),
  whole('2.13', 'WAVEHALL_DRAIN_SECONDS', 8, 0, 86_400),
  whole('2.13', 'WAVEHALL_DRAIN_MAX_SECONDS', 15, 0, 86_400),
  whole('2.13', 'WAVEHALL_DRAIN_PRESENCE_SECONDS', 3, 0, 86_400),
  whole('2.10', 'WAVEHALL_PONG_TIMEOUT', 30, 1),
  whole('2.7', 'WAVEHALL_MAX_CONNECTIONS', 0),
  whole('2.7', 'WAVEHALL_MAX_CONNECTIONS_PER_ADDRESS', 0),
  whole('2.5', 'WAVEHALL_REFUSAL_DELAY_MS', 1000, 0, 10_000),
  whole('2.5', 'WAVEHALL_MAX_DELAYED_REFUSALS', 1000),
  whole('2.18', 'WAVEHALL_APPS_REFRESH_SECONDS', 3, 1, 3600),
  whole('2.18', 'WAVEHALL_APPS_DATABASE_TIMEOUT', 5, 1, 300),
  whole('2.18', 'WAVEHALL_MAX_APPS', 1000, 1, 100_000),
  whole('7.6', 'WAVEHALL_SECRET_OVERLAP_SECONDS', 3600, 0, 2_592_000),
  whole('8.11', 'WAVEHALL_RESERVED_FILES', 64),
  whole('2.15', 'WAVEHALL_LINGER_SECONDS', 5, 1, 3600),
  whole('2.15', 'WAVEHALL_MAX_LINGERING', 0),
  whole('2.1', 'WAVEHALL_REQUEST_TIMEOUT', 10, 1, 3600),
  whole('2.1', 'WAVEHALL_KEEP_ALIVE_SECONDS', 72, 1, 3600),
  whole('2.1', 'WAVEHALL_MAX_HEADER_SIZE', 16_384, 4096, 1_048_576),
  whole('2.16', 'WAVEHALL_SOFT_BUFFER_SIZE', 262_144),
  whole('2.16', 'WAVEHALL_MAX_BUFFER_SIZE', 1_048_576, 1),
  whole('3.14', 'WAVEHALL_MAX_BACKLOG', 33_554_432),
  whole('2.16', 'WAVEHALL_STALL_SECONDS', 10, 1),
  whole('10.4', 'WAVEHALL_HTTP_FALLBACK_AWAY', 10, 1, 300),
  whole('10.5', 'WAVEHALL_HTTP_FALLBACK_HEARTBEAT', 25, 1, 29),
  whole('10.4', 'WAVEHALL_HTTP_FALLBACK_QUEUE', 4096, 1),
  whole('10.6', 'WAVEHALL_HTTP_FALLBACK_WAITING', 4096, 1),
  whole('8.11', 'WAVEHALL_MAX_HEAP_PERCENT', 90, 0, 100),
  whole('13.8', 'WAVEHALL_RESUME_SECONDS', 120),
  whole('13.8', 'WAVEHALL_RESUME_MAX_BYTES', 67_108_864),
  whole('13.8', 'WAVEHALL_RESUME_TABS_PER_ADDRESS', 1000),
  whole('8.2', 'WAVEHALL_REPLAY_SIGNATURES', 100_000, 1),
  whole('8.16', 'WAVEHALL_IDEMPOTENCY_SECONDS', 120, 0, 86_400),
  whole('8.16', 'WAVEHALL_IDEMPOTENCY_KEYS', 100_000, 1),
  whole('8.16', 'WAVEHALL_MAX_IDEMPOTENCY_KEY_LENGTH', 255, 1, 1024),
  whole('8.16', 'WAVEHALL_IDEMPOTENCY_ANSWER_BYTES', 1_048_576, 1),
  whole('16.2', 'WAVEHALL_TRACE_BYTES', 4_194_304, 0, 1_073_741_824),
  whole('14.4', 'WAVEHALL_AUTH_TTL', 60, 0, 86_400),
  whole('14.7', 'WAVEHALL_AUTH_STALE', 0, 0, 86_400),
  whole('14.8', 'WAVEHALL_AUTH_CONCURRENCY', 10, 1, 10_000),
  whole('14.8', 'WAVEHALL_AUTH_TIMEOUT', 5, 1, 60),
  whole('14.7', 'WAVEHALL_AUTH_WAIT', 5, 0, 60),
  whole('14.8', 'WAVEHALL_AUTH_MAX_WAITING', 2000, 1),
  whole('14.8', 'WAVEHALL_AUTH_MAX_WAITING_PER_ADDRESS', 200),
  whole('14.8', 'WAVEHALL_AUTH_MAX_REQUEST_SIZE', 16_384, 1),
  whole('14.8', 'WAVEHALL_AUTH_MAX_ANSWER_SIZE', 65_536, 1),
  whole('14.8', 'WAVEHALL_AUTH_CACHE_OWNERS', 50_000, 1),
  whole('14.8', 'WAVEHALL_AUTH_CACHE_PER_OWNER', 200, 1, 10_000),
  whole('15.2', 'WAVEHALL_JWT_CLOCK_TOLERANCE', 5, 0, 300),
  whole('15.2', 'WAVEHALL_JWT_MAX_LIFETIME', 31_622_400),
  whole('15.1', 'WAVEHALL_JWT_MAX_SIZE', 8192, 256, 65_536),
  whole('15.3', 'WAVEHALL_JWT_JWKS_TIMEOUT_MS', 3000, 100, 60_000),
  whole('15.3', 'WAVEHALL_JWT_JWKS_COOLDOWN', 30, 1, 3600),
  whole('15.3', 'WAVEHALL_JWT_JWKS_MAX_AGE', 600, 1, 86_400),
  whole('2.10', 'REVERB_APP_PING_INTERVAL', 60, 1, 86_400),
  whole('2.3', 'REVERB_APP_ACTIVITY_TIMEOUT', 30, 1, 86_400),
  whole('3.10', 'WAVEHALL_CACHE_TTL', 1800),
  whole('3.14', 'WAVEHALL_APP_WEIGHT', 1, 1, 100),
  whole('3.13', 'WAVEHALL_HISTORY_SIZE', 50, 0, 100_000),
  whole('3.13', 'WAVEHALL_HISTORY_TTL', 120, 0, 99_999_999),
  whole('3.13', 'WAVEHALL_HISTORY_MAX_BYTES', 33_554_432),
  whole('6.7', 'WAVEHALL_TERMINATE_CLOSE_CODE', 4009, 4000, 4299),
  whole('6.8', 'WAVEHALL_AUTHORIZE_WITHIN', 0),
  whole('2.12', 'REVERB_APP_RATE_LIMIT_MAX_ATTEMPTS', 60, 1),
  whole('2.12', 'REVERB_APP_RATE_LIMIT_DECAY_SECONDS', 60, 1),
  whole('2.7', 'REVERB_APP_MAX_CONNECTIONS', 0),
  whole('2.11', 'REVERB_APP_MAX_MESSAGE_SIZE', 10_000),
  whole('2.11', 'WAVEHALL_MAX_FRAGMENTS', 64, 1, 16_384),
  whole('2.12', 'WAVEHALL_MAX_MESSAGES_PER_SECOND', 200),
  whole('2.12', 'WAVEHALL_MESSAGE_BURST', 3000, 1),
  whole('5.5', 'WAVEHALL_MAX_CLIENT_EVENTS_PER_SECOND', 0),
  whole('3.12', 'WAVEHALL_MAX_SUBSCRIPTIONS', 2000),
  whole('3.12', 'WAVEHALL_MAX_SUBSCRIPTION_BYTES', 200_000),
  whole('3.2', 'WAVEHALL_MAX_CHANNEL_NAME_LENGTH', 200, 1, 1024),
  whole('5.5', 'WAVEHALL_MAX_EVENT_NAME_LENGTH', 200),
  whole('8.12', 'WAVEHALL_MAX_EVENT_DATA_SIZE', 10_240),
  whole('8.12', 'WAVEHALL_MAX_CHANNELS_PER_EVENT', 100),
  whole('8.12', 'WAVEHALL_MAX_BATCH_SIZE', 10),
  whole('8.12', 'REVERB_MAX_REQUEST_SIZE', 131_072),
  whole('4.5', 'WAVEHALL_MAX_PRESENCE_MEMBERS', 0),
  whole('4.5', 'WAVEHALL_MAX_USER_ID_LENGTH', 128),
  whole('4.5', 'WAVEHALL_MAX_USER_INFO_SIZE', 0),
  whole('6.5', 'WAVEHALL_MAX_WATCHLIST', 100),
  whole('2.4', 'WAVEHALL_MAX_SOCKET_ID_LENGTH', 40, 21, 40),
  whole('8.2', 'WAVEHALL_AUTH_WINDOW', 600),
  whole('8.15', 'WAVEHALL_MAX_REQUESTS_PER_SECOND', 0),
  whole('8.15', 'WAVEHALL_REQUEST_BURST', 0),
  whole('3.13', 'REDIS_PORT', 6379, 1, 65_535),
  whole('3.13', 'REDIS_DB', 0),
  whole('3.13', 'WAVEHALL_REDIS_PARTITIONS', 16, 1, 1024),
  whole('8.11', 'WAVEHALL_REDIS_TIMEOUT_MS', 900, 50),
  whole('4.4', 'WAVEHALL_LEASE_SECONDS', 12, 1),
  whole('11.2', 'WAVEHALL_CUTOVER_IDLE_SECONDS', 300),
  whole('11.7', 'WAVEHALL_CUTOVER_MAX_REQUEST_SIZE', 10_000),
  whole('11.7', 'WAVEHALL_CUTOVER_QUEUE_EVENTS', 10_000, 1),
  whole('11.7', 'WAVEHALL_CUTOVER_QUEUE_BYTES', 16_777_216, 1),
  whole('11.7', 'WAVEHALL_CUTOVER_QUEUE_SECONDS', 30, 1, 3600),
  whole('11.14', 'WAVEHALL_CUTOVER_WINDOW_SECONDS', 20, 5, 600),
  whole('11.14', 'WAVEHALL_CUTOVER_BREACH_SAMPLES', 5, 1),
  whole('11.14', 'WAVEHALL_CUTOVER_BREACH_LATENCY_MS', 1000),
  whole('11.14', 'WAVEHALL_CUTOVER_BREACH_LOOP_MS', 500),
  whole('11.14', 'WAVEHALL_CUTOVER_CANARY_SECONDS', 1),
  whole('11.14', 'WAVEHALL_CUTOVER_CANARY_TIMEOUT_MS', 3000, 100),
  whole('11.15', 'WAVEHALL_CUTOVER_BREACH_SECONDS', 10),
  whole('11.15', 'WAVEHALL_CUTOVER_GOOD_SECONDS', 60, 1),
  whole('9.4', 'REVERB_WEBHOOK_DISCONNECT_SMOOTHING_MS', 3000, 0, 60_000),
  whole('9.6', 'REVERB_WEBHOOK_TIMEOUT', 4, 1, 60),
  whole('9.6', 'REVERB_WEBHOOK_RETRY_DELAY', 1, 1, 300),
  whole('9.6', 'WAVEHALL_WEBHOOK_RETRY_SECONDS', 300, 0, 86_400),
  whole('9.6', 'REVERB_WEBHOOK_BATCHING_MAX_EVENTS', 100, 1, 1000),
  whole('9.6', 'REVERB_WEBHOOK_BATCHING_MAX_DELAY_MS', 50, 0, 10_000),
  whole('9.6', 'REVERB_WEBHOOK_BATCHING_MAX_PAYLOAD_BYTES', 262_144, 1024, 16_777_216),
  whole('9.6', 'WAVEHALL_WEBHOOK_MAX_WAITING', 100_000, 1, 10_000_000),
  whole('9.6', 'WAVEHALL_WEBHOOK_DEAD_LETTERS', 10_000, 0, 1_000_000),
  whole('9.6', 'WAVEHALL_WEBHOOK_DEAD_LETTER_TTL', 604_800, 1, 31_622_400),
];

/** Its own case below: 0 stands for a share of the memory. */
const BUFFER_TOTAL = 'WAVEHALL_MAX_BUFFER_TOTAL';

/** More than one need Redis: test/cli/workers.test.ts. */
const WORKERS = 'WAVEHALL_WORKERS';

const SWITCHES = [
  { rule: '1.1', name: 'WAVEHALL_DEBUG', usual: false },
  { rule: '2.5', name: 'WAVEHALL_APP_ENABLED', usual: true },
  { rule: '10.3', name: 'WAVEHALL_HTTP_FALLBACK', usual: true },
  { rule: '15.2', name: 'WAVEHALL_JWT_REQUIRE_EXPIRY', usual: true },
  { rule: '5.2', name: 'WAVEHALL_CLIENT_EVENTS_ON_PUBLIC', usual: true },
  { rule: '3.9', name: 'WAVEHALL_SUBSCRIPTION_COUNTS', usual: false },
  { rule: '7.2', name: 'WAVEHALL_STRICT_AUTH_KEY', usual: false },
  { rule: '8.6', name: 'WAVEHALL_STRICT_INFO', usual: false },
  { rule: '1.3', name: 'WAVEHALL_ERROR_DATA_AS_STRING', usual: false },
  { rule: '2.5', name: 'WAVEHALL_REQUIRE_TLS', usual: false },
  { rule: '8.8', name: 'WAVEHALL_UNOCCUPIED_USERS_404', usual: false },
  { rule: '2.12', name: 'REVERB_APP_RATE_LIMITING_ENABLED', usual: false },
  { rule: '2.12', name: 'REVERB_APP_RATE_LIMIT_TERMINATE', usual: false },
  { rule: '3.13', name: 'REVERB_SCALING_ENABLED', usual: false },
  { rule: '3.13', name: 'REDIS_TLS', usual: false },
  { rule: '3.13', name: 'WAVEHALL_REDIS_TLS_VERIFY', usual: true },
  { rule: '2.18', name: 'WAVEHALL_APPS_DATABASE_TLS_VERIFY', usual: true },
  { rule: '11.2', name: 'WAVEHALL_CUTOVER_PROXY_HTTP', usual: true },
  { rule: '11.17', name: 'WAVEHALL_CUTOVER_TLS_VERIFY', usual: true },
  { rule: '9.6', name: 'REVERB_WEBHOOK_BATCHING_ENABLED', usual: false },
  { rule: '14.2', name: 'WAVEHALL_AUTH_TLS_VERIFY', usual: true },
];

const TEXTS = [
  { rule: '2.1', name: 'REVERB_SERVER_HOST', usual: '0.0.0.0', given: '::1', value: '::1' },
  { rule: '2.1', name: 'REVERB_SERVER_PATH', usual: '', given: '/ws/eu/', value: 'ws/eu' },
  { rule: '8.13', name: 'WAVEHALL_API_PORT', usual: undefined, given: '8081', value: 8081 },
  { rule: '8.13', name: 'WAVEHALL_API_HOST', usual: undefined, given: '[::1]', value: '::1' },
  { rule: '8.13', name: 'WAVEHALL_METRICS_COMPAT', usual: 'off', given: 'soketi', value: 'soketi' },
  { rule: '8.13', name: 'WAVEHALL_METRICS_PORT', usual: undefined, given: '9601', value: 9601 },
  { rule: '8.13', name: 'WAVEHALL_METRICS_HOST', usual: '127.0.0.1', given: '::', value: '::' },
  { rule: '2.1', name: 'REVERB_HOST', usual: undefined, given: 'app.test', value: 'app.test' },
  { rule: '2.1', name: 'WAVEHALL_TLS_CERT', usual: undefined, given: 'a.crt', value: 'a.crt' },
  { rule: '2.1', name: 'WAVEHALL_TLS_KEY', usual: undefined, given: 'a.key', value: 'a.key' },
  { rule: '2.1', name: 'WAVEHALL_TLS_PASSPHRASE', usual: undefined, given: 'p w', value: 'p w' },
  { rule: '3.2', name: 'WAVEHALL_EXTRA_CHANNEL_CHARACTERS', usual: '', given: ':/', value: ':/' },
  {
    rule: '14.1',
    name: 'WAVEHALL_AUTH_PATHS',
    usual: ['/broadcasting/auth'],
    given: '/a, /api/b-c',
    value: ['/a', '/api/b-c'],
  },
  {
    rule: '14.1',
    name: 'WAVEHALL_AUTH_USER_PATHS',
    usual: ['/broadcasting/user-auth'],
    given: '/u',
    value: ['/u'],
  },
  { rule: '14.3', name: 'WAVEHALL_AUTH_SESSION_COOKIE', usual: undefined, given: 'a', value: 'a' },
  { rule: '14.3', name: 'WAVEHALL_AUTH_IGNORE_COOKIES', usual: [], given: 'a, b_*', value: ['a', 'b_*'] },
  { rule: '14.3', name: 'WAVEHALL_AUTH_IGNORE_HEADERS', usual: [], given: 'x-a, x-b', value: ['x-a', 'x-b'] },
  { rule: '14.2', name: 'WAVEHALL_AUTH_TLS_CA', usual: undefined, given: 'a.pem', value: 'a.pem' },
  {
    rule: '15.1',
    name: 'WAVEHALL_JWT_ALGORITHMS',
    usual: [],
    given: 'RS256, ES256',
    value: ['RS256', 'ES256'],
  },
  { rule: '15.2', name: 'WAVEHALL_JWT_ISSUER', usual: [], given: 'a, b', value: ['a', 'b'] },
  { rule: '15.2', name: 'WAVEHALL_JWT_AUDIENCE', usual: [], given: 'a', value: ['a'] },
  { rule: '15.6', name: 'WAVEHALL_JWT_EXPIRY', usual: 'resubscribe', given: 'close', value: 'close' },
  { rule: '13.4', name: 'WAVEHALL_RESUME_AFTER_CUT', usual: 'receipt', given: 'sent', value: 'sent' },
  { rule: '2.13', name: 'WAVEHALL_DRAIN_REFUSAL', usual: '4100', given: '503', value: '503' },
  { rule: '8.2', name: 'WAVEHALL_REPLAY_PROTECTION', usual: 'off', given: 'strict', value: 'strict' },
  { rule: '5.1', name: 'REVERB_APP_ACCEPT_CLIENT_EVENTS_FROM', usual: 'members', given: 'all', value: 'all' },
  { rule: '2.6', name: 'WAVEHALL_ALLOWED_ORIGINS', usual: ['*'], given: 'a.b, ,c', value: ['a.b', 'c'] },
  { rule: '2.7', name: 'WAVEHALL_TRUSTED_PROXIES', usual: [], given: '10.0.0.0/8', value: ['10.0.0.0/8'] },
  {
    rule: '3.13',
    name: 'WAVEHALL_HISTORY_RULES',
    usual: [],
    given: 'private-orders-=200/600,presence-=0/0',
    value: [
      { prefix: 'private-orders-', size: 200, ttlSeconds: 600 },
      { prefix: 'presence-', size: 0, ttlSeconds: 0 },
    ],
  },
  { rule: '3.13', name: 'REDIS_URL', usual: undefined, given: 'redis://a', value: 'redis://a' },
  { rule: '3.13', name: 'REDIS_HOST', usual: '127.0.0.1', given: 'redis', value: 'redis' },
  { rule: '3.13', name: 'REDIS_USERNAME', usual: undefined, given: 'u', value: 'u' },
  { rule: '3.13', name: 'REDIS_PASSWORD', usual: undefined, given: 'p w', value: 'p w' },
  { rule: '3.13', name: 'REDIS_SCHEME', usual: 'tcp', given: 'tls', value: 'tls' },
  { rule: '3.13', name: 'REDIS_PATH', usual: undefined, given: '/r.sock', value: '/r.sock' },
  { rule: '3.13', name: 'WAVEHALL_REDIS_PREFIX', usual: 'wavehall:', given: 'w:', value: 'w:' },
  { rule: '3.13', name: 'WAVEHALL_REDIS_TLS_CA', usual: undefined, given: 'ca.crt', value: 'ca.crt' },
  { rule: '2.18', name: 'WAVEHALL_APPS_DATABASE_TLS_CA', usual: undefined, given: 'ca.crt', value: 'ca.crt' },
  { rule: '2.18', name: 'WAVEHALL_APPS_TABLE', usual: 'apps', given: 'live.apps_2', value: 'live.apps_2' },
  {
    rule: '3.13',
    name: 'WAVEHALL_REDIS_SENTINELS',
    usual: [],
    given: 'a, [::1]:7',
    value: [
      { host: 'a', port: 26_379 },
      { host: '::1', port: 7 },
    ],
  },
  { rule: '3.13', name: 'WAVEHALL_REDIS_SENTINEL_NAME', usual: 'mymaster', given: 'm', value: 'm' },
  { rule: '3.13', name: 'WAVEHALL_REDIS_SENTINEL_USERNAME', usual: undefined, given: 'u', value: 'u' },
  { rule: '3.13', name: 'WAVEHALL_REDIS_SENTINEL_PASSWORD', usual: undefined, given: 'p', value: 'p' },
  {
    rule: '3.13',
    name: 'WAVEHALL_REDIS_CLUSTER',
    usual: [],
    given: 'a,b:7',
    value: [
      { host: 'a', port: 6379 },
      { host: 'b', port: 7 },
    ],
  },
  { rule: '11.5', name: 'WAVEHALL_ADMIN_TOKEN', usual: undefined, given: 't', value: 't' },
  { rule: '17.3', name: 'WAVEHALL_CONSOLE', usual: 'on', given: 'read', value: 'read' },
  {
    rule: '14.2',
    name: 'WAVEHALL_AUTH_UPSTREAM',
    usual: undefined,
    given: 'http://php:8000',
    value: new URL('http://php:8000'),
  },
  {
    rule: '11.2',
    name: 'WAVEHALL_CUTOVER_UPSTREAM',
    usual: undefined,
    given: 'http://reverb:8081/ws',
    value: new URL('http://reverb:8081/ws'),
  },
  { rule: '11.4', name: 'WAVEHALL_CUTOVER_PERCENT', usual: 0, given: '12.25', value: 12.25 },
  { rule: '11.1', name: 'WAVEHALL_CUTOVER_STICKY', usual: 'cookie', given: 'address', value: 'address' },
  {
    rule: '11.17',
    name: 'WAVEHALL_CUTOVER_ORIGIN',
    usual: undefined,
    given: 'https://a.b',
    value: 'https://a.b',
  },
  {
    rule: '11.4',
    name: 'WAVEHALL_CUTOVER_STATE_FILE',
    usual: '.wavehall-cutover.json',
    given: '/a/b.json',
    value: '/a/b.json',
  },
  {
    rule: '9.6',
    name: 'WAVEHALL_WEBHOOK_STATE_FILE',
    usual: '.wavehall-webhooks.json',
    given: '/a/b.json',
    value: '/a/b.json',
  },
  { rule: '11.2', name: 'WAVEHALL_CUTOVER_TLS_CA', usual: undefined, given: 'ca.crt', value: 'ca.crt' },
  {
    rule: '11.15',
    name: 'WAVEHALL_CUTOVER_NOTIFY_URL',
    usual: undefined,
    given: 'https://a.b/c?d=e',
    value: new URL('https://a.b/c?d=e'),
  },
  { rule: '11.14', name: 'WAVEHALL_CUTOVER_BREACH_CONNECT_PERCENT', usual: 0.1, given: '2.5', value: 0.025 },
  { rule: '11.14', name: 'WAVEHALL_CUTOVER_BREACH_SUBSCRIBE_PERCENT', usual: 0.2, given: '0', value: 0 },
  { rule: '11.14', name: 'WAVEHALL_CUTOVER_BREACH_API_PERCENT', usual: 0.05, given: '100', value: 1 },
  { rule: '11.14', name: 'WAVEHALL_CUTOVER_BREACH_LOST_PERCENT', usual: 0.1, given: '50', value: 0.5 },
  { rule: '9.6', name: 'REVERB_WEBHOOK_RETRIES', usual: undefined, given: '3', value: 3 },
  {
    rule: '9.7',
    name: 'WAVEHALL_WEBHOOK_ALLOW_PRIVATE',
    usual: [],
    given: '10.1.2.3',
    value: ['10.1.2.3/32'],
  },
];

/** Their tests: apps.test.ts, tokens.test.ts, and test/cli/reverb-restart.test.ts. */
const NOT_HERE = [
  ...['WAVEHALL_APPS', 'WAVEHALL_APPS_FILE', 'WAVEHALL_APPS_DATABASE'],
  ...['WAVEHALL_RESTART_ON_REVERB', 'WAVEHALL_CHANNEL_RULES'],
  ...['WAVEHALL_JWT_SECRET', 'WAVEHALL_JWT_PUBLIC_KEY', 'WAVEHALL_JWT_JWKS_URL'],
];

test('8.12 every setting has a case here', () => {
  const all = [SERVER_SETTINGS, APP_OPTIONS, APP_LIMITS, RATE_LIMITING].flatMap((group) =>
    Object.values(group).map(({ name }) => name),
  );
  const cases = [...NUMBERS, ...SWITCHES, ...TEXTS].map(({ name }) => name);
  expect([...cases, BUFFER_TOTAL, WORKERS, ...NOT_HERE].sort()).toEqual([...all].sort());
});

describe.each(NUMBERS)('$name', ({ rule, name, usual, least, most }) => {
  const range = most === UNBOUNDED ? `from ${least}` : `from ${least} to ${most}`;

  test(`${rule} ${name} is ${usual} by default`, () => {
    expect(valueOf(name, {})).toBe(usual);
  });

  test(`${rule} ${name} takes ${least} and ${most}`, () => {
    expect(valueOf(name, { [name]: String(least) })).toBe(least);
    expect(valueOf(name, { [name]: String(most) })).toBe(most);
    expect(valueOf(name, { [name]: ` ${least} ` })).toBe(least);
  });

  test(`${rule} ${name} refuses ${least - 1}, ${most + 1} and what is no whole number`, () => {
    for (const bad of [String(least - 1), String(most + 1), '1.5', '1e3', '0x10', '1 000', '٣', 'many']) {
      expect(problemsOf({ [name]: bad })).toEqual([
        expect.stringMatching(new RegExp(`^${name}="${bad}": expected a whole number ${range}(;|$)`)),
      ]);
    }
  });
});

test('3.13 WAVEHALL_MAX_BUFFER_TOTAL is a share of the memory unless it is set', () => {
  expect(readConfig({}).maxBufferTotalBytes).toBeGreaterThan(1024 * 1024);
  expect(readConfig({ [BUFFER_TOTAL]: '0' })).toEqual(readConfig({}));
  expect(readConfig({ [BUFFER_TOTAL]: '123' }).maxBufferTotalBytes).toBe(123);
  expect(problemsOf({ [BUFFER_TOTAL]: '-1' })).toEqual([
    `${BUFFER_TOTAL}="-1": expected a whole number from 0`,
  ]);
});

describe.each(SWITCHES)('$name', ({ rule, name, usual }) => {
  test(`${rule} ${name} is ${String(usual)} by default`, () => {
    expect(valueOf(name, name.endsWith('LIMITING_ENABLED') ? { [name]: '' } : {})).toBe(usual);
  });

  test(`${rule} ${name} takes Laravel's words and the usual ones, in any case`, () => {
    for (const word of ['true', '(true)', 'TRUE', '1', 'on', 'yes']) {
      expect([word, valueOf(name, { [name]: word })]).toEqual([word, true]);
    }
    for (const word of ['false', '(false)', 'False', '0', 'off', 'no']) {
      expect([word, valueOf(name, { [name]: word })]).toEqual([word, false]);
    }
  });

  test(`${rule} ${name} refuses other words`, () => {
    for (const bad of ['2', 'tru', 'enabled', '-1']) {
      expect(problemsOf({ [name]: bad })).toEqual([`${name}="${bad}": expected true or false`]);
    }
  });
});

test.each(TEXTS)('$rule $name is $usual by default and takes $given', ({ name, usual, given, value }) => {
  const found = (variables: Variables): unknown => {
    const { tls } = readConfig({ ...scalingFor(Object.keys(variables)), ...variables });
    if (name === 'WAVEHALL_TLS_PASSPHRASE') return tls.passphrase;
    return valueOf(name, variables);
  };
  expect(found({})).toEqual(usual);
  expect(found({ [name]: given })).toEqual(value);
});

const ALL_NAMES = [...NUMBERS, ...SWITCHES, ...TEXTS].map(({ name }) => name);
const NOTHING = ['', ' ', 'null', 'NULL', '(null)', 'empty', '(empty)', 'Empty'];

test.each(NOTHING)("8.12 Laravel's %j leaves every default", (word) => {
  const untouched = readConfig({});
  for (const name of ALL_NAMES) expect([name, readConfig({ [name]: word })]).toEqual([name, untouched]);
});

test.each(NOTHING)("7.6 Laravel's %j is no app, and no reason for the one for development", (word) => {
  for (const who of ['REVERB', 'PUSHER']) {
    const app = { [`${who}_APP_ID`]: word, [`${who}_APP_KEY`]: word, [`${who}_APP_SECRET`]: word };
    expect(problemsOf(app)).toHaveLength(3);
  }
  expect(problemsOf({ WAVEHALL_APPS: word, WAVEHALL_APPS_FILE: word })).toHaveLength(1);
});

test('3.13 without scaling the REDIS_* of other programs are ignored', () => {
  const foreign = {
    REDIS_PORT: 'tcp://10.0.0.2:6379',
    REDIS_SCHEME: 'http',
    REDIS_DB: 'x',
  };
  expect(readConfig(foreign)).toEqual(readConfig({}));
  expect(() => readConfig({ ...foreign, REVERB_SCALING_ENABLED: 'true' })).toThrow('REDIS_PORT');
});

test('7.1 a user and a password in REDIS_HOST are refused, and not shown', () => {
  const problems = problemsOf({ REDIS_HOST: 'tls://me:hush@redis' });
  expect(problems).toEqual([expect.stringMatching(/^REDIS_HOST=\(not shown\): expected a host alone/)]);
});

test.each(['*', '/ws/*', ':key', 'a b', 'a//b', '../a', '%2e', '(a)', 'a?b', 'a#b'])(
  '2.1 REVERB_SERVER_PATH=%s, which is no plain path, is refused',
  (bad) => {
    expect(problemsOf({ REVERB_SERVER_PATH: bad })).toEqual([
      expect.stringContaining(`REVERB_SERVER_PATH="${bad}": expected a path such as ws`),
    ]);
  },
);

test('2.1 REVERB_SERVER_HOST takes an IPv6 address with and without brackets', () => {
  expect(
    ['::', '[::]', '[::1]', 'fe80::1%eth0', 'localhost'].map(
      (host) => readConfig({ REVERB_SERVER_HOST: host }).host,
    ),
  ).toEqual(['::', '::', '::1', 'fe80::1%eth0', 'localhost']);
  for (const bad of ['[::', '::]', '[a]', '[]', '0.0.0.0:8080', 'http://a', '[::]:80'])
    expect(problemsOf({ REVERB_SERVER_HOST: bad })).toEqual([expect.stringContaining('REVERB_SERVER_HOST=')]);
});

test('5.1 REVERB_APP_ACCEPT_CLIENT_EVENTS_FROM: an unknown value lets no client send', () => {
  const of = (word: string) =>
    readConfig({ REVERB_APP_ACCEPT_CLIENT_EVENTS_FROM: word }).apps[0]?.clientEvents;
  expect(['members', 'all', 'none', 'nobody', 'All'].map(of)).toEqual([
    'members',
    'all',
    'none',
    'none',
    'none',
  ]);
});

test('8.2 WAVEHALL_REPLAY_PROTECTION refuses what is neither off nor strict', () => {
  expect(problemsOf({ WAVEHALL_REPLAY_PROTECTION: 'on' })).toEqual([
    'WAVEHALL_REPLAY_PROTECTION="on": expected one of off, strict',
  ]);
});

test('2.12 without REVERB_APP_RATE_LIMITING_ENABLED the other three have no effect', () => {
  const window = {
    REVERB_APP_RATE_LIMIT_MAX_ATTEMPTS: '5',
    REVERB_APP_RATE_LIMIT_DECAY_SECONDS: '7',
    REVERB_APP_RATE_LIMIT_TERMINATE: 'true',
  };
  expect(readConfig(window).apps[0]?.rateLimiting).toBeUndefined();
  expect(readConfig({ ...ON, ...window }).apps[0]?.rateLimiting).toEqual({
    maxAttempts: 5,
    decaySeconds: 7,
    terminate: true,
  });
});

test('8.12 REVERB_MAX_REQUEST_SIZE makes room for the data of one event, unless that has its own limit', () => {
  const dataOf = (variables: Variables) => readConfig(variables).apps[0]?.limits.eventDataBytes;
  expect(dataOf({ REVERB_MAX_REQUEST_SIZE: '500000' })).toBe(500_000);
  expect(dataOf({ REVERB_MAX_REQUEST_SIZE: '500000', WAVEHALL_MAX_EVENT_DATA_SIZE: '100' })).toBe(100);
  expect(dataOf({ REVERB_MAX_REQUEST_SIZE: '5000' })).toBe(10_240);
});

test('8.12 all problems are reported together, each with variable, value and expectation', () => {
  const problems = problemsOf({
    REVERB_SERVER_PORT: '65536',
    WAVEHALL_DEBUG: 'perhaps',
    REVERB_APP_PING_INTERVAL: '0',
    REVERB_APP_ID: 'only-this',
  });
  expect([...problems].sort()).toEqual([
    'REVERB_APP_KEY: expected a value, because another REVERB_APP_* variable is set',
    'REVERB_APP_PING_INTERVAL="0": expected a whole number from 1 to 86400',
    'REVERB_APP_SECRET: expected a value, because another REVERB_APP_* variable is set',
    'REVERB_SERVER_PORT="65536": expected a whole number from 0 to 65535',
    'WAVEHALL_DEBUG="perhaps": expected true or false',
  ]);
});

test('8.12 a long value is cut in its error', () => {
  const [problem = ''] = problemsOf({ WAVEHALL_DEBUG: 'x'.repeat(5000) });
  expect(problem).toBe(`WAVEHALL_DEBUG="${'x'.repeat(100)}": expected true or false`);
});

test.each(['nonsense', '10.0.0.0/33', '10.0.0.0/', '10.0.0.0/x', '::1/129', '10.0.0.0/8/8', '1.2.3'])(
  '2.7 WAVEHALL_TRUSTED_PROXIES=%s is refused, with the reason',
  (proxy) => {
    expect(problemsOf({ WAVEHALL_TRUSTED_PROXIES: `127.0.0.1,${proxy}` })).toEqual([
      `WAVEHALL_TRUSTED_PROXIES="127.0.0.1,${proxy}": expected addresses or networks such as 10.0.0.0/8, separated by commas`,
    ]);
  },
);

const ORIGINS: readonly (readonly [entry: string, normal: string])[] = [
  ['https://app.test/', 'https://app.test'],
  ['HTTPS://App.Test', 'https://app.test'],
  ['https://app.test:443', 'https://app.test'],
  ['http://app.test:80/', 'http://app.test'],
  ['https://app.test:8443/', 'https://app.test:8443'],
  ['https://bücher.test', 'https://xn--bcher-kva.test'],
  ['bücher.test', 'xn--bcher-kva.test'],
  ['*.bücher.test', '*.xn--bcher-kva.test'],
  ['app.test/', 'app.test'],
  ['app.test:8443', '*://app.test:8443'],
  ['app.test:443', 'https://app.test'],
  ['app.test:80', 'http://app.test'],
  ['https://*.app.test:443', 'https://*.app.test'],
  ['https://app.test:*', 'https://app.test:*'],
  ['::1', '[::1]'],
  ['http://[0:0::1]:5173', 'http://[::1]:5173'],
  ['capacitor://localhost', 'capacitor://localhost'],
  ['*', '*'],
];

test.each(ORIGINS)('2.6 the allowed origin %s is compared as %s', (entry, normal) => {
  const [app] = readConfig({ ...APP, WAVEHALL_ALLOWED_ORIGINS: entry }).apps;
  expect(app?.allowedOrigins).toEqual([normal]);
});

test.each([
  'https://app.test/path',
  'app.test/path',
  'https://user@app.test',
  'https://app.test?a=b',
  'https://app.test#a',
  'https://',
  '//app.test',
  'wss://app.test',
  'https://app.test:99999',
  'https://app.test:x',
  '.app.test',
  'a..b',
  'a b.test',
  'bü*.test',
  'file:///a',
])('2.6 the allowed origin %s, which no page can have, is refused by its name', (entry) => {
  expect(problemsOf({ ...APP, WAVEHALL_ALLOWED_ORIGINS: `ok.test,${entry}` })).toEqual([
    expect.stringMatching(/^WAVEHALL_ALLOWED_ORIGINS="(?!ok\.test).*": expected a host such as app\.test/),
  ]);
});

test('3.13 a history rule keeps at most 100,000 events of a channel', () => {
  const rules = (size: number): Variables => ({ ...APP, WAVEHALL_HISTORY_RULES: `orders-=${size}/60` });
  expect(problemsOf(rules(100_000))).toEqual([]);
  expect(problemsOf(rules(100_001))).toMatchObject([expect.stringMatching(/WAVEHALL_HISTORY_RULES.*100000/)]);
});

test('2.1 the former name of a setting is refused with its new name', () => {
  const problem = 'WAVEHALL_CUTOVER_PASS: expected WAVEHALL_CUTOVER_PROXY_HTTP, the new name of this setting';
  expect(() => readConfig({ ...APP, WAVEHALL_CUTOVER_PASS: 'false' })).toThrow(new ConfigError([problem]));
});

describe('ports', () => {
  const API = 'WAVEHALL_API_PORT';
  const METRICS = 'WAVEHALL_METRICS_PORT';
  const equal = (name: string, port: string, other: string): string =>
    `${name}="${port}": expected another port than ${other}, which has this one`;

  test.each([
    [{ [API]: '8080' }, [equal(API, '8080', 'REVERB_SERVER_PORT')]],
    [{ [METRICS]: '8080' }, [equal(METRICS, '8080', 'REVERB_SERVER_PORT')]],
    [{ REVERB_SERVER_PORT: '9000', [METRICS]: '9000' }, [equal(METRICS, '9000', 'REVERB_SERVER_PORT')]],
    [{ [API]: '9601', [METRICS]: '9601' }, [equal(METRICS, '9601', API)]],
    [
      { [API]: '8080', [METRICS]: '8080', WAVEHALL_METRICS_HOST: '::1' },
      [equal(API, '8080', 'REVERB_SERVER_PORT'), equal(METRICS, '8080', 'REVERB_SERVER_PORT')],
    ],
    [{ REVERB_SERVER_PORT: '0', [API]: '0', [METRICS]: '0' }, []],
    [{ [API]: '8081', [METRICS]: '9601' }, []],
  ])('8.13 %j: every port has a number of its own', (variables: Variables, problems) => {
    expect(problemsOf(variables)).toEqual(problems);
  });

  test.each([API, METRICS])('8.13 %s refuses what is no port', (name) => {
    for (const bad of ['65536', '-1', '1.5', 'many'])
      expect(problemsOf({ [name]: bad })).toEqual([
        `${name}="${bad}": expected a whole number from 0 to 65535`,
      ]);
    expect(valueOf(name, { [name]: '65535' })).toBe(65_535);
  });

  test('8.13 an address without its port is warned of', () => {
    const { warnings } = readConfig({ WAVEHALL_API_HOST: '::1', WAVEHALL_METRICS_HOST: '0.0.0.0' });
    expect(warnings).toEqual([
      'WAVEHALL_API_HOST has no effect, because WAVEHALL_API_PORT is not set',
      'WAVEHALL_METRICS_HOST has no effect, because WAVEHALL_METRICS_PORT is not set',
    ]);
  });
});
