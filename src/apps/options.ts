import type { HistoryRule } from '../core/app.ts';
import { origins } from './origins.ts';
import { appSetting, boolean, integer, type SettingType, limit, list, text } from '../settings/settings.ts';

/** As in Reverb, any word except `members` and `all` means none. */
const clientEventModes: SettingType<'members' | 'all' | 'none'> = {
  expected: 'members, all or none',
  parse: (given) => (given === 'members' || given === 'all' ? given : 'none'),
};

/** Bound of one history: a node that missed all of its events reads and delivers them without a pause. */
const MAX_HISTORY_SIZE = 100_000;
const MAX_WEIGHT = 100;
const MAX_TTL_SECONDS = 99_999_999;

/** `private-orders-=200/600,presence-=0/0` */
const historyRules: SettingType<readonly HistoryRule[]> = {
  expected: `prefix=size/seconds, separated by commas, with a size of at most ${MAX_HISTORY_SIZE}`,
  parse(given) {
    const found = list.parse(given)?.map((rule) => /^([^=]+)=(\d{1,6})\/(\d{1,8})$/.exec(rule));
    if (found === undefined || found.includes(null)) return undefined;
    const rules = found.map((rule) => ({
      prefix: rule?.[1] ?? '',
      size: Number(rule?.[2]),
      ttlSeconds: Number(rule?.[3]),
    }));
    return rules.some(({ size }) => size > MAX_HISTORY_SIZE) ? undefined : rules;
  },
};

/** Close codes that pusher-js understands: 4000 to 4299 (from 4300 on it does not reconnect). */
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
    'Seconds without a message after which the server pings a connection.',
  ),
  activityTimeoutSeconds: appSetting(
    'REVERB_APP_ACTIVITY_TIMEOUT',
    'activity_timeout',
    integer(1, 86_400),
    30,
    'Seconds without a message after which the client pings.',
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
    'Characters allowed in channel names besides Pusher\'s own, e.g. ":/".',
  ),
  cacheTtlSeconds: appSetting(
    'WAVEHALL_CACHE_TTL',
    'cache_ttl',
    limit,
    1800,
    'Seconds that a cache channel keeps its last event.',
  ),
  weight: appSetting(
    'WAVEHALL_APP_WEIGHT',
    'weight',
    integer(1, MAX_WEIGHT),
    1,
    'Share of the app when several have more to write than a node can: one with 2 writes twice as much as one with 1.',
  ),
  historySize: appSetting(
    'WAVEHALL_HISTORY_SIZE',
    'history_size',
    integer(0, MAX_HISTORY_SIZE),
    50,
    `Events kept per channel for nodes and tabs that missed them, at most ${MAX_HISTORY_SIZE}; 0: none.`,
  ),
  historyTtlSeconds: appSetting(
    'WAVEHALL_HISTORY_TTL',
    'history_ttl',
    integer(0, MAX_TTL_SECONDS),
    120,
    'Seconds that these events are kept.',
  ),
  historyMaxBytes: appSetting(
    'WAVEHALL_HISTORY_MAX_BYTES',
    'history_max_bytes',
    limit,
    33_554_432,
    'Bytes for the histories of an app; over Redis one half is for the last events of its cache channels; 0: no limit.',
  ),
  historyRules: appSetting(
    'WAVEHALL_HISTORY_RULES',
    'history_rules',
    historyRules,
    '',
    'History size and seconds for channels with a prefix: prefix=size/seconds, separated by commas.',
  ),
  subscriptionCounts: appSetting(
    'WAVEHALL_SUBSCRIPTION_COUNTS',
    'subscription_counts',
    boolean,
    false,
    'Send pusher_internal:subscription_count to the subscribers of a channel.',
  ),
  strictAuthKey: appSetting(
    'WAVEHALL_STRICT_AUTH_KEY',
    'strict_auth_key',
    boolean,
    false,
    'Refuse a channel signature whose key is not the key of the app.',
  ),
  strictInfo: appSetting(
    'WAVEHALL_STRICT_INFO',
    'strict_info',
    boolean,
    false,
    'Answer 400 to info attributes that do not apply to a channel, instead of leaving them out.',
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
    'Close code for terminated users: after 4009 pusher-js does not reconnect, after 4200 it does, as with Reverb.',
  ),
  authorizeWithinSeconds: appSetting(
    'WAVEHALL_AUTHORIZE_WITHIN',
    'authorize_within',
    limit,
    0,
    'Seconds after which a connection that neither signed in nor subscribed to a signed channel is closed; 0: off.',
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
    "Reverb's rate limiter for the messages of one connection.",
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
    'Close a connection that is over the limit (4100).',
  ),
} as const;
