import { DEFAULT_LIMITS } from '#protocol';
import type { AppLimits } from '../core/app.ts';
import { boolean, integer, type Kind, limit, list, type Setting, text } from './settings.ts';

const setting = <T>(name: string, key: string, kind: Kind<T>, fallback: unknown, doc: string): Setting<T> => ({
  name,
  key,
  kind,
  fallback: String(fallback),
  doc,
});

/** Reverb: `members`, `all`, and anything else is nobody. */
const clientEventModes: Kind<'members' | 'all' | 'none'> = {
  expected: 'members, all or none',
  parse: (given) => (given === 'members' || given === 'all' ? given : 'none'),
};

/** Close codes that pusher-js understands: 4000 to 4299 (from 4300 on it would never come back). */
const closeCode = integer(4000, 4299);

/** Every option of an app: a variable for the one app of the environment, a key for apps in JSON. */
export const APP_OPTIONS = {
  enabled: setting('WAVEHALL_APP_ENABLED', 'enabled', boolean, true, 'A disabled app refuses every client (4003) and request (403).'),
  allowedOrigins: setting('WAVEHALL_ALLOWED_ORIGINS', 'allowed_origins', list, '*', 'Hosts (globs) or origins whose pages may connect.'),
  pingIntervalSeconds: setting('REVERB_APP_PING_INTERVAL', 'ping_interval', integer(1, 86_400), 60, 'Silence after which a socket is pinged, in seconds.'),
  activityTimeoutSeconds: setting('REVERB_APP_ACTIVITY_TIMEOUT', 'activity_timeout', integer(1, 86_400), 30, 'Silence after which the client pings, in seconds.'),
  clientEvents: setting('REVERB_APP_ACCEPT_CLIENT_EVENTS_FROM', 'accept_client_events_from', clientEventModes, 'members', 'Who may send client events: members, all or none.'),
  clientEventsOnPublic: setting('WAVEHALL_CLIENT_EVENTS_ON_PUBLIC', 'client_events_on_public', boolean, true, 'Client events also on public channels, as Reverb allows.'),
  extraChannelCharacters: setting('WAVEHALL_EXTRA_CHANNEL_CHARACTERS', 'extra_channel_characters', text, '', 'Characters allowed in channel names beside the official ones, e.g. ":/".'),
  cacheTtlSeconds: setting('WAVEHALL_CACHE_TTL', 'cache_ttl', limit, 1800, 'How long a cache channel remembers its event, in seconds.'),
  subscriptionCounts: setting('WAVEHALL_SUBSCRIPTION_COUNTS', 'subscription_counts', boolean, false, 'Tell subscribers how many they are.'),
  strictAuthKey: setting('WAVEHALL_STRICT_AUTH_KEY', 'strict_auth_key', boolean, false, 'The key part of a channel signature must be the key of the app.'),
  strictInfo: setting('WAVEHALL_STRICT_INFO', 'strict_info', boolean, false, 'Answer 400 to info attributes that do not apply, instead of leaving them out.'),
  errorDataAsString: setting('WAVEHALL_ERROR_DATA_AS_STRING', 'error_data_as_string', boolean, false, "Send pusher:error in Reverb's exact form (a string); .NET and Swift clients cannot read it."),
  requireTls: setting('WAVEHALL_REQUIRE_TLS', 'require_tls', boolean, false, 'Refuse plain ws:// clients (4000).'),
  terminateCloseCode: setting('WAVEHALL_TERMINATE_CLOSE_CODE', 'terminate_close_code', closeCode, 4009, 'Close code for terminated users; 4009 keeps pusher-js away, 4200 lets it come back as with Reverb.'),
  authorizeWithinSeconds: setting('WAVEHALL_AUTHORIZE_WITHIN', 'authorize_within', limit, 0, 'Close sockets that neither signed in nor entered a signed channel within so many seconds; 0: off.'),
  usersOfUnoccupiedAre404: setting('WAVEHALL_UNOCCUPIED_USERS_404', 'unoccupied_users_404', boolean, false, 'GET users of an unoccupied presence channel answers 404 as Reverb does, instead of an empty list.'),
} as const;

export const APP_LIMITS = {
  connections: setting('REVERB_APP_MAX_CONNECTIONS', 'max_connections', limit, 0, 'Sockets of the app; 0: no limit.'),
  messageBytes: setting('REVERB_APP_MAX_MESSAGE_SIZE', 'max_message_size', limit, DEFAULT_LIMITS.messageBytes, 'Bytes of one message from a client; 0: no limit but 16 MiB.'),
  fragmentsPerMessage: setting('WAVEHALL_MAX_FRAGMENTS', 'max_fragments', integer(1, 16_384), DEFAULT_LIMITS.fragmentsPerMessage, 'Frames that one message may be cut into.'),
  messagesPerSecond: setting('WAVEHALL_MAX_MESSAGES_PER_SECOND', 'max_messages_per_second', limit, 20, 'Messages of one socket in the long run; 0: no limit.'),
  messageBurst: setting('WAVEHALL_MESSAGE_BURST', 'message_burst', integer(1), 300, 'Messages that one socket may send at once, e.g. to subscribe again after a reconnect.'),
  clientEventsPerSecond: setting('WAVEHALL_MAX_CLIENT_EVENTS_PER_SECOND', 'max_client_events_per_second', limit, DEFAULT_LIMITS.clientEventsPerSecond, 'Client events of one socket; 0: no limit.'),
  subscriptionsPerSocket: setting('WAVEHALL_MAX_SUBSCRIPTIONS', 'max_subscriptions', limit, DEFAULT_LIMITS.subscriptionsPerSocket, 'Channels of one socket; 0: no limit.'),
  channelNameLength: setting('WAVEHALL_MAX_CHANNEL_NAME_LENGTH', 'max_channel_name_length', integer(1, 1024), DEFAULT_LIMITS.channelNameLength, 'Characters of a channel name.'),
  eventNameLength: setting('WAVEHALL_MAX_EVENT_NAME_LENGTH', 'max_event_name_length', limit, DEFAULT_LIMITS.eventNameLength, 'Characters of an event name; 0: no limit.'),
  eventDataBytes: setting('WAVEHALL_MAX_EVENT_DATA_SIZE', 'max_event_data_size', limit, DEFAULT_LIMITS.eventDataBytes, "Bytes of one event's data, or REVERB_MAX_REQUEST_SIZE where that is larger; 0: no limit."),
  channelsPerEvent: setting('WAVEHALL_MAX_CHANNELS_PER_EVENT', 'max_channels_per_event', limit, DEFAULT_LIMITS.channelsPerEvent, 'Channels that one request may publish to; 0: no limit.'),
  eventsPerBatch: setting('WAVEHALL_MAX_BATCH_SIZE', 'max_batch_size', limit, DEFAULT_LIMITS.eventsPerBatch, 'Events of one batch; 0: no limit.'),
  requestBytes: setting('REVERB_MAX_REQUEST_SIZE', 'max_request_size', limit, DEFAULT_LIMITS.requestBytes, 'Bytes of one HTTP request body.'),
  presenceMembers: setting('WAVEHALL_MAX_PRESENCE_MEMBERS', 'max_presence_members', limit, DEFAULT_LIMITS.presenceMembers, 'Users on one presence channel; 0: no limit.'),
  userIdLength: setting('WAVEHALL_MAX_USER_ID_LENGTH', 'max_user_id_length', limit, DEFAULT_LIMITS.userIdLength, 'Characters of a user id; 0: no limit.'),
  userInfoBytes: setting('WAVEHALL_MAX_USER_INFO_SIZE', 'max_user_info_size', limit, DEFAULT_LIMITS.userInfoBytes, 'Bytes of user_info; 0: the message size bounds it.'),
  watchlistIds: setting('WAVEHALL_MAX_WATCHLIST', 'max_watchlist', limit, DEFAULT_LIMITS.watchlistIds, 'Users that one signed-in user may watch; 0: no limit.'),
  socketIdLength: setting('WAVEHALL_MAX_SOCKET_ID_LENGTH', 'max_socket_id_length', integer(21, 40), DEFAULT_LIMITS.socketIdLength, 'Characters of a socket id in a request.'),
  authWindowSeconds: setting('WAVEHALL_AUTH_WINDOW', 'auth_window', limit, DEFAULT_LIMITS.authWindowSeconds, 'Seconds by which the clock of a signed request may differ; 0: not checked.'),
  requestsPerSecond: setting('WAVEHALL_MAX_REQUESTS_PER_SECOND', 'max_requests_per_second', limit, 0, 'HTTP requests of the app; 0: no limit.'),
} as const satisfies Record<keyof AppLimits, Setting<number>>;

export const RATE_LIMITING = {
  enabled: setting('REVERB_APP_RATE_LIMITING_ENABLED', 'rate_limiting.enabled', boolean, false, "Reverb's limiter for messages of one socket."),
  maxAttempts: setting('REVERB_APP_RATE_LIMIT_MAX_ATTEMPTS', 'rate_limiting.max_attempts', integer(1), 60, 'Messages in one window.'),
  decaySeconds: setting('REVERB_APP_RATE_LIMIT_DECAY_SECONDS', 'rate_limiting.decay_seconds', integer(1), 60, 'Length of the window, in seconds.'),
  terminate: setting('REVERB_APP_RATE_LIMIT_TERMINATE', 'rate_limiting.terminate_on_limit', boolean, false, 'Close the socket (4100) that is over the limit.'),
} as const;
