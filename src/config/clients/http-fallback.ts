import { boolean, integer, setting } from '../../settings/settings.ts';

/** Settings of the HTTP fallback, for clients that cannot use WebSocket. */
export const FALLBACK_SETTINGS = {
  httpFallback: setting(
    'WAVEHALL_HTTP_FALLBACK',
    boolean,
    true,
    'Serve clients that cannot use WebSocket over HTTP (xhr_streaming and xhr_polling of pusher-js).',
  ),
  fallbackAwaySeconds: setting(
    'WAVEHALL_HTTP_FALLBACK_AWAY',
    integer(1, 300),
    10,
    'Seconds without a receiving request after which such a client counts as gone.',
  ),
  fallbackHeartbeatSeconds: setting(
    'WAVEHALL_HTTP_FALLBACK_HEARTBEAT',
    integer(1, 29),
    25,
    'Seconds of silence after which such a client gets a heartbeat; fewer than proxies wait for a byte.',
  ),
  fallbackQueue: setting(
    'WAVEHALL_HTTP_FALLBACK_QUEUE',
    integer(1),
    4096,
    'Frames that may wait for such a client while it has no receiving request; beyond, its session ends.',
  ),
  fallbackWaitingMessages: setting(
    'WAVEHALL_HTTP_FALLBACK_WAITING',
    integer(1),
    4096,
    'Messages of such a client that may wait while the server does not read from it; beyond, its session is closed.',
  ),
} as const;
