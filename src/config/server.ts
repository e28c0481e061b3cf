import { isIPv6 } from 'node:net';
import {
  boolean,
  integer,
  type Kind,
  limit,
  list,
  oneOf,
  optionalText,
  secret,
  setting,
} from '../settings/settings.ts';
import { networkIn } from '../transports/peer.ts';
import { CUTOVER_SETTINGS } from './cutover.ts';
import { REDIS_SETTINGS } from './redis.ts';

const proxies: Kind<readonly string[]> = {
  expected: 'addresses or networks such as 10.0.0.0/8, separated by commas',
  parse(given) {
    const all = list.parse(given);
    return all?.every((each) => networkIn(each) !== undefined) === true ? all : undefined;
  },
};

/** A path that means itself to the router: no wildcards, parameters or escapes. */
const path: Kind<string> = {
  expected: "a path such as ws or ws/eu, of letters, digits and -._~!$&'+,;=@",
  parse(given) {
    const segments = given.replace(/^\/+|\/+$/g, '').split('/');
    const isPlain = segments.every((each) => /^[\w.~!$&'+,;=@-]+$/.test(each) && !/^\.\.?$/.test(each));
    return isPlain || segments.join('') === '' ? given : undefined;
  },
};

/** An IPv6 address stands alone, or in brackets as PHP writes it. */
const host: Kind<string> = {
  expected: 'an address or a host name, such as 0.0.0.0, :: or [::]',
  parse(given) {
    const inBrackets = /^\[(.*)\]$/.exec(given)?.[1];
    if (inBrackets !== undefined) return isIPv6(inBrackets) ? inBrackets : undefined;
    return isIPv6(given) || /^[^\s:/?#[\]@]+$/.test(given) ? given : undefined;
  },
};

/** More than any machine has cores to spare, and few enough for the connections of one Redis. */
export const MOST_WORKERS = 128;

const MEBIBYTE = 1024 * 1024;

/** What concerns the server and not an app. */
export const SERVER_SETTINGS = {
  host: setting(
    'REVERB_SERVER_HOST',
    host,
    '0.0.0.0',
    'Address to listen on; 127.0.0.1 while no app is configured.',
  ),
  port: setting('REVERB_SERVER_PORT', integer(0, 65_535), 8080, 'Port to listen on.'),
  path: setting('REVERB_SERVER_PATH', path, '', 'Path before /app and /apps; both work with and without it.'),
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
  tlsPassphrase: setting('WAVEHALL_TLS_PASSPHRASE', secret, '', 'Passphrase of the key.'),
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
  workers: setting(
    'WAVEHALL_WORKERS',
    integer(1, MOST_WORKERS),
    1,
    'Processes that serve the port together; more than one need Redis.',
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
    'Sockets of this node; 0: 95 % of the open files, and at least WAVEHALL_RESERVED_FILES fewer than these.',
  ),
  reservedFiles: setting(
    'WAVEHALL_RESERVED_FILES',
    limit,
    64,
    'Open files kept for the server itself: logs, Redis, the other server of a cutover; half of all at most.',
  ),
  maxConnectionsPerAddress: setting(
    'WAVEHALL_MAX_CONNECTIONS_PER_ADDRESS',
    limit,
    0,
    'Sockets of one address; 0: no limit.',
  ),
  refusalDelayMs: setting(
    'WAVEHALL_REFUSAL_DELAY_MS',
    integer(0, 10_000),
    1000,
    'Milliseconds before a client is told that TLS is required: it connects again at once; 0: none.',
  ),
  maxDelayedRefusals: setting(
    'WAVEHALL_MAX_DELAYED_REFUSALS',
    limit,
    1000,
    'Such clients that wait at once; others are told at once.',
  ),
  lingerSeconds: setting(
    'WAVEHALL_LINGER_SECONDS',
    integer(1, 3600),
    5,
    'Seconds that a client has to take a refusal or a close frame, and to end its side.',
  ),
  maxLingering: setting(
    'WAVEHALL_MAX_LINGERING',
    limit,
    0,
    'Such clients at once; 0: a twentieth of WAVEHALL_MAX_CONNECTIONS, at least 8.',
  ),
  requestTimeoutSeconds: setting(
    'WAVEHALL_REQUEST_TIMEOUT',
    integer(1, 3600),
    10,
    'Seconds for a TLS handshake, and for the head and the body of a request to arrive.',
  ),
  keepAliveSeconds: setting(
    'WAVEHALL_KEEP_ALIVE_SECONDS',
    integer(1, 3600),
    72,
    'Seconds without a request after which an HTTP connection is ended; more than those of the proxy before it.',
  ),
  maxHeaderBytes: setting(
    'WAVEHALL_MAX_HEADER_SIZE',
    integer(4096, MEBIBYTE),
    16 * 1024,
    'Bytes of the path, the query and all header lines of a request or a handshake, cookies among them.',
  ),
  maxHeapPercent: setting(
    'WAVEHALL_MAX_HEAP_PERCENT',
    integer(0, 100),
    90,
    "Share of Node's heap above which nobody new is let in; 0: no limit.",
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
    'Unsent bytes above which a socket is not read, and gets no client events.',
  ),
  maxBufferBytes: setting(
    'WAVEHALL_MAX_BUFFER_SIZE',
    integer(1),
    MEBIBYTE,
    'Unsent bytes above which a socket is ended; the largest frame among them is not counted.',
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
    'Seconds without a byte taken after which a reader is ended.',
  ),
  replayProtection: setting(
    'WAVEHALL_REPLAY_PROTECTION',
    oneOf('off', 'strict'),
    'off',
    'strict: each signature is taken once.',
  ),
  replaySignatures: setting(
    'WAVEHALL_REPLAY_SIGNATURES',
    integer(1),
    100_000,
    'Signatures of an app that strict remembers, on all nodes together; beyond, the oldest are forgotten.',
  ),
  adminToken: setting(
    'WAVEHALL_ADMIN_TOKEN',
    optionalText,
    '',
    'Bearer token of the admin API; without one it is off.',
  ),
  ...REDIS_SETTINGS,
  ...CUTOVER_SETTINGS,
} as const;
