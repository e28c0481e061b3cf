import {
  boolean,
  integer,
  type SettingType,
  limit,
  oneOf,
  optionalText,
  text,
  type Values,
  setting,
} from '../settings/settings.ts';
import { parseUrl } from '../core/util/url.ts';
import { BRIDGE_LIMITS } from '../cutover/bridge/limits.ts';
import type { CutoverOptions } from '../cutover/ports/options.ts';
import { readCertificates } from './certificates.ts';
import { HEALTH_SETTINGS, watchLimits } from './cutover-health.ts';

/** A percentage of the browsers, with the precision of the split: two decimals (SPEC 11.4). */
export const percentage: SettingType<number> = {
  expected: 'a number from 0 to 100 with at most two decimals',
  parse(given) {
    const value = /^\d{1,3}(\.\d{1,2})?$/.test(given) ? Number(given) : undefined;
    return value !== undefined && value <= 100 ? value : undefined;
  },
};

const HTTP = /^https?:$/;

/** An HTTP URL without the parts that the cutover does not use. */
export const upstreamUrl: SettingType<URL | undefined> = {
  expected: 'http://host:port or https://host:port, and no name, password, ? or # in it',
  parse(given) {
    const url = parseUrl(given);
    if (url === undefined || !HTTP.test(url.protocol) || url.username !== '' || url.password !== '')
      return undefined;
    return url.search === '' && url.hash === '' ? url : undefined;
  },
};

const notifyUrl: SettingType<URL | undefined> = {
  expected: 'an http:// or https:// address',
  parse(given) {
    const url = parseUrl(given);
    return url !== undefined && HTTP.test(url.protocol) ? url : undefined;
  },
};

const origin: SettingType<string | undefined> = {
  expected: 'an origin such as https://example.com',
  parse: (given) => (parseUrl(given)?.origin === given ? given : undefined),
};

/** Settings of the cutover: the upstream, the split of the browsers, and the queue of the bridge. */
export const CUTOVER_SETTINGS = {
  cutoverUpstream: setting(
    'WAVEHALL_CUTOVER_UPSTREAM',
    upstreamUrl,
    '',
    'URL of the upstream, the server that Wavehall replaces, e.g. http://127.0.0.1:8082; empty: no cutover.',
  ),
  cutoverPercent: setting(
    'WAVEHALL_CUTOVER_PERCENT',
    percentage,
    0,
    'Percentage of the browsers for Wavehall at the first start; later, set it with wavehall cutover set.',
  ),
  cutoverSticky: setting(
    'WAVEHALL_CUTOVER_STICKY',
    oneOf('cookie', 'address'),
    'cookie',
    'What keeps a browser on its server: a cookie, or its address and user agent.',
  ),
  cutoverOrigin: setting(
    'WAVEHALL_CUTOVER_ORIGIN',
    origin,
    '',
    'Origin header of the bridge, if the upstream requires one.',
  ),
  cutoverProxyHttp: setting(
    'WAVEHALL_CUTOVER_PROXY_HTTP',
    boolean,
    true,
    'Forward HTTP requests that Wavehall does not serve to the upstream; false: answer them with 404.',
  ),
  cutoverIdleSeconds: setting(
    'WAVEHALL_CUTOVER_IDLE_SECONDS',
    limit,
    300,
    'Seconds without a byte after which a connection that is proxied to the upstream is closed; 0: never.',
  ),
  cutoverRequestBytes: setting(
    'WAVEHALL_CUTOVER_MAX_REQUEST_SIZE',
    limit,
    10_000,
    'Largest publish that the upstream accepts (its REVERB_MAX_REQUEST_SIZE); larger ones get 413 while it has browsers; default: REVERB_MAX_REQUEST_SIZE if that is set, else 10000; 0: off.',
  ),
  cutoverStateFile: setting(
    'WAVEHALL_CUTOVER_STATE_FILE',
    text,
    '.wavehall-cutover.json',
    'File that keeps the percentage over a restart, without Redis; relative to the folder in which the server is started. Two servers in one folder need a file each.',
  ),
  cutoverTlsCa: setting(
    'WAVEHALL_CUTOVER_TLS_CA',
    optionalText,
    '',
    "CA certificate file for the upstream, besides the system's.",
  ),
  cutoverTlsVerify: setting(
    'WAVEHALL_CUTOVER_TLS_VERIFY',
    boolean,
    true,
    'false: do not verify the TLS certificate of the upstream (insecure).',
  ),
  cutoverQueueEvents: setting(
    'WAVEHALL_CUTOVER_QUEUE_EVENTS',
    integer(1),
    BRIDGE_LIMITS.queueEvents,
    'Events of one app that may wait for the upstream.',
  ),
  cutoverQueueBytes: setting(
    'WAVEHALL_CUTOVER_QUEUE_BYTES',
    integer(1),
    BRIDGE_LIMITS.queueBytes,
    'Bytes of one app that may wait for the upstream.',
  ),
  cutoverQueueSeconds: setting(
    'WAVEHALL_CUTOVER_QUEUE_SECONDS',
    integer(1, 3600),
    BRIDGE_LIMITS.queueAgeMs / 1000,
    'Seconds after which an event that waits for the upstream is dropped.',
  ),
  cutoverNotifyUrl: setting(
    'WAVEHALL_CUTOVER_NOTIFY_URL',
    notifyUrl,
    '',
    'URL that receives a signed POST after an automatic rollback.',
  ),
  ...HEALTH_SETTINGS,
} as const;

/** The options of the cutover; `undefined` if there is no upstream. Problems are added to `problems`. */
export function cutoverOptions(
  values: Values<typeof CUTOVER_SETTINGS>,
  problems: string[],
): CutoverOptions | undefined {
  const { cutoverUpstream: url, cutoverTlsCa: ca } = values;
  if (url === undefined) return undefined;
  return {
    upstream: {
      url,
      origin: values.cutoverOrigin,
      tlsCa:
        ca === undefined ? undefined : readCertificates(CUTOVER_SETTINGS.cutoverTlsCa.name, ca, problems),
      tlsVerify: values.cutoverTlsVerify,
    },
    percent: values.cutoverPercent,
    sticky: values.cutoverSticky,
    proxyHttp: values.cutoverProxyHttp,
    idleMs: values.cutoverIdleSeconds * 1000,
    requestBytes: values.cutoverRequestBytes,
    queue: {
      events: values.cutoverQueueEvents,
      bytes: values.cutoverQueueBytes,
      ageMs: values.cutoverQueueSeconds * 1000,
    },
    watch: watchLimits(values),
    notifyUrl: values.cutoverNotifyUrl,
  };
}
