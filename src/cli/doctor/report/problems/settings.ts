import type { ProblemRow } from './problem-row.ts';

/** Problems of the settings of Laravel and of the server. */
export const SETTINGS_PROBLEMS = {
  'server-settings-invalid': ['error', 'wavehall start refuses these settings.'],
  'server-settings-ignored': ['warning', 'A setting of the server has no effect.'],
  'environment-overrides-env': ['warning', 'Variables of this shell win over the .env file.'],
  'config-cache-stale': ['error', 'Laravel uses the cached values and does not read .env.'],
  'config-cache-older': ['warning', 'Laravel may use older values than those in .env.'],
  'config-cache-unreadable': ['warning', 'The values that Laravel uses are not known.'],
  'laravel-config-unreadable': ['warning', 'A file in config/ cannot be read without the rest of the app.'],
  'broadcast-driver-not-sending': ['error', 'Laravel sends no event to any server.'],
  'broadcast-driver-other': ['error', 'Laravel sends its events to another service.'],
  'broadcast-connection-unknown': ['error', 'Broadcasting throws an exception in Laravel.'],
  'broadcast-variable-renamed': ['error', 'Laravel does not read this variable, and broadcasts nothing.'],
  'pusher-sdk-missing': ['error', "Laravel cannot publish without Pusher's PHP library."],
  'credentials-missing': ['error', 'Laravel cannot sign its requests.'],
  'app-id-mismatch': ['error', 'The server does not know the app, and answers 404.'],
  'app-key-mismatch': ['error', 'The server refuses the signature with 401, and browsers with 4001.'],
  'app-secret-mismatch': [
    'error',
    'The server refuses what Laravel signs: events with 401, private channels too.',
  ],
  'publish-to-pusher': ['error', "Laravel sends its events to Pusher's own servers."],
  'publish-host-invalid': ['error', 'Laravel cannot build the address of the server.'],
  'publish-port-mismatch': ['error', 'Laravel publishes to another port than the one Wavehall listens on.'],
  'publish-path-mismatch': ['error', 'Laravel publishes to another path than the one Wavehall serves.'],
  'reverb-config-changed': ['warning', 'Wavehall does not read config/reverb.php.'],
  'queue-not-running': ['error', 'Events wait in the queue: no worker takes them.'],
  'queue-discards-jobs': ['error', 'Queued events are thrown away.'],
  'queue-connection-unknown': ['error', 'Events that are queued throw an exception in Laravel.'],
  'queue-redis-unreachable': ['error', 'Laravel cannot put events into its queue.'],
} as const satisfies Record<string, ProblemRow>;
