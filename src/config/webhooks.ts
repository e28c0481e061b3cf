import { ALLOW_PRIVATE_SETTING } from '../apps/webhooks/private-addresses.ts';
import { boolean, integer, type SettingType, setting, text } from '../settings/settings.ts';

const optionalNumber: SettingType<number | undefined> = integer(0, 1000);

const WEEK_SECONDS = 7 * 24 * 3600;

/** How webhooks are sent, to all endpoints; the endpoints are those of the apps. */
export const WEBHOOK_SETTINGS = {
  webhookSmoothingMs: setting(
    'REVERB_WEBHOOK_DISCONNECT_SMOOTHING_MS',
    integer(0, 60_000),
    3000,
    'Milliseconds after which a channel counts as vacated and a member as removed; whoever is back earlier causes no webhook.',
  ),
  webhookTimeoutSeconds: setting(
    'REVERB_WEBHOOK_TIMEOUT',
    integer(1, 60),
    4,
    'Seconds that an endpoint has to answer.',
  ),
  webhookRetries: setting(
    'REVERB_WEBHOOK_RETRIES',
    optionalNumber,
    '',
    'Attempts after the first; empty: as many as there are in WAVEHALL_WEBHOOK_RETRY_SECONDS.',
  ),
  webhookRetryDelaySeconds: setting(
    'REVERB_WEBHOOK_RETRY_DELAY',
    integer(1, 300),
    1,
    'Seconds before the second attempt; each further wait is up to twice as long.',
  ),
  webhookRetrySeconds: setting(
    'WAVEHALL_WEBHOOK_RETRY_SECONDS',
    integer(0, 86_400),
    300,
    'Seconds after an event in which attempts to deliver it are made.',
  ),
  webhookBatching: setting(
    'REVERB_WEBHOOK_BATCHING_ENABLED',
    boolean,
    false,
    'Several events in one request; the receiver must then read all of them.',
  ),
  webhookBatchEvents: setting(
    'REVERB_WEBHOOK_BATCHING_MAX_EVENTS',
    integer(1, 1000),
    100,
    'Events of one request, with batching.',
  ),
  webhookBatchDelayMs: setting(
    'REVERB_WEBHOOK_BATCHING_MAX_DELAY_MS',
    integer(0, 10_000),
    50,
    'Milliseconds that an event waits for others, with batching.',
  ),
  webhookBatchBytes: setting(
    'REVERB_WEBHOOK_BATCHING_MAX_PAYLOAD_BYTES',
    integer(1024, 16 * 1024 * 1024),
    262_144,
    'Bytes of the body of one request, with batching; a single larger event is sent alone.',
  ),
  webhookMaxWaiting: setting(
    'WAVEHALL_WEBHOOK_MAX_WAITING',
    integer(1, 10_000_000),
    100_000,
    'Events that wait for their endpoints, over all nodes; beyond, the oldest are dropped.',
  ),
  webhookDeadLetters: setting(
    'WAVEHALL_WEBHOOK_DEAD_LETTERS',
    integer(0, 1_000_000),
    10_000,
    'Failed deliveries that are kept, over all nodes; beyond, the oldest are dropped.',
  ),
  webhookDeadLetterSeconds: setting(
    'WAVEHALL_WEBHOOK_DEAD_LETTER_TTL',
    integer(1, 366 * 24 * 3600),
    WEEK_SECONDS,
    'Seconds that a failed delivery is kept.',
  ),
  webhookStateFile: setting(
    'WAVEHALL_WEBHOOK_STATE_FILE',
    text,
    '.wavehall-webhooks.json',
    'File that keeps the webhooks that wait over a restart, without Redis; relative to the folder in which the server is started. Two servers in one folder need a file each.',
  ),
  webhookStateBytes: setting(
    'WAVEHALL_WEBHOOK_STATE_BYTES',
    integer(1024, 256 * 1024 * 1024),
    64 * 1024 * 1024,
    'Largest size of this file; beyond, the oldest webhooks are lost at a restart.',
  ),
  ...ALLOW_PRIVATE_SETTING,
} as const;
