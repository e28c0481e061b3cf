import {
  boolean,
  integer,
  type SettingType,
  limit,
  list,
  oneOf,
  optionalText,
  secret,
  setting,
} from '../settings/settings.ts';
import { APPS_SETTINGS } from '../apps/find-apps.ts';
import { COMPATIBLE_SERVERS } from '../observability/soketi-metrics.ts';
import { networkIn } from '../transports/peer.ts';
import { GATEWAY_SETTINGS } from './access/gateway.ts';
import { TOKEN_SETTINGS } from './access/token-settings.ts';
import { CUTOVER_SETTINGS } from './cutover.ts';
import { DRAIN_SETTINGS } from './clients/drain.ts';
import { FALLBACK_SETTINGS } from './clients/http-fallback.ts';
import { LISTEN_SETTINGS } from './listen.ts';
import { RESTART_SETTINGS } from './laravel/cache.ts';
import { REDIS_SETTINGS } from './redis.ts';
import { RESUME_SETTINGS } from './clients/resume.ts';
import { WEBHOOK_SETTINGS } from './webhooks.ts';

const proxies: SettingType<readonly string[]> = {
  expected: 'addresses or networks such as 10.0.0.0/8, separated by commas',
  parse(given) {
    const all = list.parse(given);
    return all?.every((each) => networkIn(each) !== undefined) === true ? all : undefined;
  },
};

/** More than any machine has cores, and few enough for the connections of one Redis. */
export const MAX_WORKERS = 128;

const MEBIBYTE = 1024 * 1024;

/** Settings of the server; those of an app stand in `src/apps`. */
export const SERVER_SETTINGS = {
  ...LISTEN_SETTINGS,
  hostname: setting(
    'REVERB_HOST',
    optionalText,
    '',
    'Host name of the Herd or Valet site whose certificate is used, if it has one.',
  ),
  tlsCert: setting(
    'WAVEHALL_TLS_CERT',
    optionalText,
    '',
    "TLS certificate file (Reverb's options.tls.local_cert).",
  ),
  tlsKey: setting('WAVEHALL_TLS_KEY', optionalText, '', "TLS key file (Reverb's options.tls.local_pk)."),
  tlsPassphrase: setting('WAVEHALL_TLS_PASSPHRASE', secret, '', 'Passphrase of the TLS key.'),
  ...APPS_SETTINGS,
  workers: setting(
    'WAVEHALL_WORKERS',
    integer(1, MAX_WORKERS),
    1,
    'Processes that serve the port together; more than one needs Redis.',
  ),
  debug: setting('WAVEHALL_DEBUG', boolean, false, 'Log at debug level.'),
  ...DRAIN_SETTINGS,
  pongTimeoutSeconds: setting(
    'WAVEHALL_PONG_TIMEOUT',
    integer(1),
    30,
    'Seconds that a client has to answer a ping.',
  ),
  maxConnections: setting(
    'WAVEHALL_MAX_CONNECTIONS',
    limit,
    0,
    'Connections of this node; 0: 95 % of the open files (ulimit -n), and at least WAVEHALL_RESERVED_FILES fewer than these.',
  ),
  reservedFiles: setting(
    'WAVEHALL_RESERVED_FILES',
    limit,
    64,
    'Open files kept for the server itself (logs, Redis, the upstream of a cutover); at most half of all.',
  ),
  maxConnectionsPerAddress: setting(
    'WAVEHALL_MAX_CONNECTIONS_PER_ADDRESS',
    limit,
    0,
    'Connections of one address; 0: no limit.',
  ),
  refusalDelayMs: setting(
    'WAVEHALL_REFUSAL_DELAY_MS',
    integer(0, 10_000),
    1000,
    'Milliseconds before a client gets the error that TLS is required, because it reconnects at once; 0: no delay.',
  ),
  maxDelayedRefusals: setting(
    'WAVEHALL_MAX_DELAYED_REFUSALS',
    limit,
    1000,
    'Clients that wait for this error at the same time; beyond, the error is sent without delay.',
  ),
  lingerSeconds: setting(
    'WAVEHALL_LINGER_SECONDS',
    integer(1, 3600),
    5,
    'Seconds that a client has to read an error or a close frame and to close its end of the connection.',
  ),
  maxLingering: setting(
    'WAVEHALL_MAX_LINGERING',
    limit,
    0,
    'Connections that wait for this at the same time; 0: 5 % of WAVEHALL_MAX_CONNECTIONS, at least 8.',
  ),
  requestTimeoutSeconds: setting(
    'WAVEHALL_REQUEST_TIMEOUT',
    integer(1, 3600),
    10,
    'Seconds that a client has for a TLS handshake, and to send the headers and the body of a request.',
  ),
  keepAliveSeconds: setting(
    'WAVEHALL_KEEP_ALIVE_SECONDS',
    integer(1, 3600),
    72,
    'Seconds without a request after which an HTTP connection is closed; choose more than the proxy in front has.',
  ),
  maxHeaderBytes: setting(
    'WAVEHALL_MAX_HEADER_SIZE',
    integer(4096, MEBIBYTE),
    16 * 1024,
    'Bytes of the path, the query and all headers of a request or a handshake, cookies included.',
  ),
  maxHeapPercent: setting(
    'WAVEHALL_MAX_HEAP_PERCENT',
    integer(0, 100),
    90,
    "Percentage of Node's heap above which new clients are refused; 0: no limit.",
  ),
  trustedProxies: setting(
    'WAVEHALL_TRUSTED_PROXIES',
    proxies,
    '',
    'Addresses or networks of proxies whose X-Forwarded-* headers are trusted.',
  ),
  softBufferBytes: setting(
    'WAVEHALL_SOFT_BUFFER_SIZE',
    limit,
    256 * 1024,
    'Unsent bytes of a connection above which the server stops reading from it and sends it no client events.',
  ),
  maxBufferBytes: setting(
    'WAVEHALL_MAX_BUFFER_SIZE',
    integer(1),
    MEBIBYTE,
    'Unsent bytes above which a connection is closed; the largest frame among them is not counted.',
  ),
  maxBacklogBytes: setting(
    'WAVEHALL_MAX_BACKLOG',
    limit,
    32 * MEBIBYTE,
    "Bytes of an app's events that wait on a node until they are written; from there on its publishers get 503; 0: no limit.",
  ),
  maxBufferTotalBytes: setting(
    'WAVEHALL_MAX_BUFFER_TOTAL',
    limit,
    0,
    'Unsent bytes of all connections; 0: a quarter of the heap.',
  ),
  stallSeconds: setting(
    'WAVEHALL_STALL_SECONDS',
    integer(1),
    10,
    'Seconds after which a client that reads nothing of what waits for it is disconnected.',
  ),
  ...RESUME_SETTINGS,
  ...FALLBACK_SETTINGS,
  ...RESTART_SETTINGS,
  replayProtection: setting(
    'WAVEHALL_REPLAY_PROTECTION',
    oneOf('off', 'strict'),
    'off',
    'strict: accept each signature once.',
  ),
  replaySignatures: setting(
    'WAVEHALL_REPLAY_SIGNATURES',
    integer(1),
    100_000,
    'Signatures of an app that strict keeps, over all nodes; beyond, the oldest are forgotten.',
  ),
  idempotencySeconds: setting(
    'WAVEHALL_IDEMPOTENCY_SECONDS',
    integer(0, 86_400),
    120,
    'Seconds in which a publish with the same Idempotency-Key is not published again; 0: the header has no effect.',
  ),
  idempotencyKeys: setting(
    'WAVEHALL_IDEMPOTENCY_KEYS',
    integer(1),
    100_000,
    'Idempotency keys of an app that are remembered, over all nodes; beyond, the oldest are forgotten.',
  ),
  idempotencyKeyLength: setting(
    'WAVEHALL_MAX_IDEMPOTENCY_KEY_LENGTH',
    integer(1, 1024),
    255,
    'Characters of an idempotency key.',
  ),
  idempotencyAnswerBytes: setting(
    'WAVEHALL_IDEMPOTENCY_ANSWER_BYTES',
    integer(1),
    MEBIBYTE,
    'Bytes of answers with attributes (info) of an app that are kept for its idempotency keys.',
  ),
  adminToken: setting(
    'WAVEHALL_ADMIN_TOKEN',
    optionalText,
    '',
    'Bearer token of the admin API; empty: the admin API is off.',
  ),
  console: setting(
    'WAVEHALL_CONSOLE',
    oneOf('on', 'read', 'off'),
    'on',
    'The console at /admin/console, for those who know WAVEHALL_ADMIN_TOKEN; read: it shows everything and changes nothing.',
  ),
  traceBytes: setting(
    'WAVEHALL_TRACE_BYTES',
    integer(0, 1024 * MEBIBYTE),
    4 * MEBIBYTE,
    'Bytes in which each process keeps what became of the newest events (wavehall trace); 0: nothing is kept.',
  ),
  metricsCompat: setting(
    'WAVEHALL_METRICS_COMPAT',
    oneOf('off', ...COMPATIBLE_SERVERS),
    'off',
    'soketi or sockudo: serve metrics under the names of that server too, for its dashboards.',
  ),
  ...TOKEN_SETTINGS,
  ...WEBHOOK_SETTINGS,
  ...REDIS_SETTINGS,
  ...CUTOVER_SETTINGS,
  ...GATEWAY_SETTINGS,
} as const;
