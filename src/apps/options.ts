import type { HistoryRule } from '../core/app.ts';
import { origins } from './origins.ts';
import { appSetting, boolean, integer, type Kind, limit, list, text } from '../settings/settings.ts';

/** Reverb: `members`, `all`, and anything else is nobody. */
const clientEventModes: Kind<'members' | 'all' | 'none'> = {
  expected: 'members, all or none',
  parse: (given) => (given === 'members' || given === 'all' ? given : 'none'),
};

/** Events of a channel; a node that missed all of them reads and delivers them in one go. */
const MOST_REMEMBERED = 100_000;
const LONGEST_TTL_SECONDS = 99_999_999;

/** `private-orders-=200/600,presence-=0/0` */
const historyRules: Kind<readonly HistoryRule[]> = {
  expected: `prefix=size/seconds, separated by commas, with a size of at most ${MOST_REMEMBERED}`,
  parse(given) {
    const found = list.parse(given)?.map((rule) => /^([^=]+)=(\d{1,6})\/(\d{1,8})$/.exec(rule));
    if (found === undefined || found.includes(null)) return undefined;
    const rules = found.map((rule) => ({
      prefix: rule?.[1] ?? '',
      size: Number(rule?.[2]),
      ttlSeconds: Number(rule?.[3]),
    }));
    return rules.some(({ size }) => size > MOST_REMEMBERED) ? undefined : rules;
  },
};

/** Close codes that pusher-js understands: 4000 to 4299 (from 4300 on it would never come back). */
const closeCode = integer(4000, 4299);

/** Every option of an app: a variable for the one app of the environment, a key for apps in JSON. */
export const APP_OPTIONS = {
  enabled: appSetting(
    'WAVEHALL_APP_ENABLED',
    'enabled',
    boolean,
    true,
    'A disabled app refuses every client (4003) and request (403).',
  ),
  allowedOrigins: appSetting(
    'WAVEHALL_ALLOWED_ORIGINS',
    'allowed_origins',
    origins,
    '*',
    'Hosts (globs) or origins whose pages may connect.',
  ),
  pingIntervalSeconds: appSetting(
    'REVERB_APP_PING_INTERVAL',
    'ping_interval',
    integer(1, 86_400),
    60,
    'Silence after which a socket is pinged, in seconds.',
  ),
  activityTimeoutSeconds: appSetting(
    'REVERB_APP_ACTIVITY_TIMEOUT',
    'activity_timeout',
    integer(1, 86_400),
    30,
    'Silence after which the client pings, in seconds.',
  ),
  clientEvents: appSetting(
    'REVERB_APP_ACCEPT_CLIENT_EVENTS_FROM',
    'accept_client_events_from',
    clientEventModes,
    'members',
    'Who may send client events: members, all or none.',
  ),
  clientEventsOnPublic: appSetting(
    'WAVEHALL_CLIENT_EVENTS_ON_PUBLIC',
    'client_events_on_public',
    boolean,
    true,
    'Client events also on public channels, as Reverb allows.',
  ),
  extraChannelCharacters: appSetting(
    'WAVEHALL_EXTRA_CHANNEL_CHARACTERS',
    'extra_channel_characters',
    text,
    '',
    'Characters allowed in channel names beside the official ones, e.g. ":/".',
  ),
  cacheTtlSeconds: appSetting(
    'WAVEHALL_CACHE_TTL',
    'cache_ttl',
    limit,
    1800,
    'How long a cache channel remembers its event, in seconds.',
  ),
  historySize: appSetting(
    'WAVEHALL_HISTORY_SIZE',
    'history_size',
    integer(0, MOST_REMEMBERED),
    50,
    `Events remembered per channel between nodes, at most ${MOST_REMEMBERED}; 0: none.`,
  ),
  historyTtlSeconds: appSetting(
    'WAVEHALL_HISTORY_TTL',
    'history_ttl',
    integer(0, LONGEST_TTL_SECONDS),
    120,
    'How long they are remembered, in seconds.',
  ),
  historyMaxBytes: appSetting(
    'WAVEHALL_HISTORY_MAX_BYTES',
    'history_max_bytes',
    limit,
    33_554_432,
    'Bytes in Redis of all that is remembered of the app, half of them for last events of cache channels; 0: no limit.',
  ),
  historyRules: appSetting(
    'WAVEHALL_HISTORY_RULES',
    'history_rules',
    historyRules,
    '',
    'Other numbers for channels that begin with a prefix: prefix=size/seconds, separated by commas.',
  ),
  subscriptionCounts: appSetting(
    'WAVEHALL_SUBSCRIPTION_COUNTS',
    'subscription_counts',
    boolean,
    false,
    'Tell subscribers how many they are.',
  ),
  strictAuthKey: appSetting(
    'WAVEHALL_STRICT_AUTH_KEY',
    'strict_auth_key',
    boolean,
    false,
    'The key part of a channel signature must be the key of the app.',
  ),
  strictInfo: appSetting(
    'WAVEHALL_STRICT_INFO',
    'strict_info',
    boolean,
    false,
    'Answer 400 to info attributes that do not apply, instead of leaving them out.',
  ),
  errorDataAsString: appSetting(
    'WAVEHALL_ERROR_DATA_AS_STRING',
    'error_data_as_string',
    boolean,
    false,
    "Send pusher:error in Reverb's exact form (a string); .NET and Swift clients cannot read it.",
  ),
  requireTls: appSetting(
    'WAVEHALL_REQUIRE_TLS',
    'require_tls',
    boolean,
    false,
    'Refuse plain ws:// clients (4000).',
  ),
  terminateCloseCode: appSetting(
    'WAVEHALL_TERMINATE_CLOSE_CODE',
    'terminate_close_code',
    closeCode,
    4009,
    'Close code for terminated users; 4009 keeps pusher-js away, 4200 lets it come back as with Reverb.',
  ),
  authorizeWithinSeconds: appSetting(
    'WAVEHALL_AUTHORIZE_WITHIN',
    'authorize_within',
    limit,
    0,
    'Close sockets that neither signed in nor entered a signed channel within so many seconds; 0: off.',
  ),
  usersOfUnoccupiedAre404: appSetting(
    'WAVEHALL_UNOCCUPIED_USERS_404',
    'unoccupied_users_404',
    boolean,
    false,
    'GET users of an unoccupied presence channel answers 404 as Reverb does, instead of an empty list.',
  ),
} as const;

export const RATE_LIMITING = {
  enabled: appSetting(
    'REVERB_APP_RATE_LIMITING_ENABLED',
    'rate_limiting.enabled',
    boolean,
    false,
    "Reverb's limiter for messages of one socket.",
  ),
  maxAttempts: appSetting(
    'REVERB_APP_RATE_LIMIT_MAX_ATTEMPTS',
    'rate_limiting.max_attempts',
    integer(1),
    60,
    'Messages in one window.',
  ),
  decaySeconds: appSetting(
    'REVERB_APP_RATE_LIMIT_DECAY_SECONDS',
    'rate_limiting.decay_seconds',
    integer(1),
    60,
    'Length of the window, in seconds.',
  ),
  terminate: appSetting(
    'REVERB_APP_RATE_LIMIT_TERMINATE',
    'rate_limiting.terminate_on_limit',
    boolean,
    false,
    'Close the socket (4100) that is over the limit.',
  ),
} as const;
