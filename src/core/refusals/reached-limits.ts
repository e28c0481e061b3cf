import type { AppLimits } from '../app.ts';
import type { RefusalReason } from './reasons.ts';

/** Name of a limit: the variable that sets it, or `ulimit -n`. */
export type LimitName = `WAVEHALL_${string}` | `REVERB_${string}` | 'ulimit -n';

/** Limits of an app for which a client or publisher is refused, where the reason alone does not tell which one it was. */
export const NAMED_LIMITS: Readonly<Partial<Record<keyof AppLimits, LimitName>>> = {
  channelsPerEvent: 'WAVEHALL_MAX_CHANNELS_PER_EVENT',
  eventDataBytes: 'WAVEHALL_MAX_EVENT_DATA_SIZE',
  eventsPerBatch: 'WAVEHALL_MAX_BATCH_SIZE',
  presenceMembers: 'WAVEHALL_MAX_PRESENCE_MEMBERS',
  subscriptionBytesPerSocket: 'WAVEHALL_MAX_SUBSCRIPTION_BYTES',
  subscriptionsPerSocket: 'WAVEHALL_MAX_SUBSCRIPTIONS',
  userIdLength: 'WAVEHALL_MAX_USER_ID_LENGTH',
  userInfoBytes: 'WAVEHALL_MAX_USER_INFO_SIZE',
};

/** Reasons that are one limit. */
const OF_REASON: Partial<Record<RefusalReason, LimitName>> = {
  app_quota: 'REVERB_APP_MAX_CONNECTIONS',
  server_full: 'WAVEHALL_MAX_CONNECTIONS',
  address_full: 'WAVEHALL_MAX_CONNECTIONS_PER_ADDRESS',
  sockets_full: 'ulimit -n',
  memory_short: 'WAVEHALL_MAX_HEAP_PERCENT',
  unauthorized: 'WAVEHALL_AUTHORIZE_WITHIN',
  message_size: 'REVERB_APP_MAX_MESSAGE_SIZE',
  message_rate: 'WAVEHALL_MAX_MESSAGES_PER_SECOND',
  rate_limit: 'REVERB_APP_RATE_LIMIT_MAX_ATTEMPTS',
  client_event_rate: 'WAVEHALL_MAX_CLIENT_EVENTS_PER_SECOND',
  slow_reader: 'WAVEHALL_MAX_BUFFER_SIZE',
  http_size: 'REVERB_MAX_REQUEST_SIZE',
  http_rate: 'WAVEHALL_MAX_REQUESTS_PER_SECOND',
  cutover_size: 'WAVEHALL_CUTOVER_MAX_REQUEST_SIZE',
};

/** The limit that was reached, if the refusal was for one. `limit`: where one reason has several. */
export const limitOf = (reason: RefusalReason, limit: keyof AppLimits | undefined): LimitName | undefined =>
  (limit && NAMED_LIMITS[limit]) ?? OF_REASON[reason];
