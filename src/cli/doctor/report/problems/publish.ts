import type { ProblemRow } from './problem-row.ts';

/** Problems of the way from Laravel to the server, and of what answers there. */
export const PUBLISH_PROBLEMS = {
  'server-not-running': ['error', 'Nothing listens on the address of the server.'],
  'server-not-answering': ['error', 'A program holds the port and does not answer.'],
  'other-server-reverb': ['error', 'Laravel Reverb answers there, and not Wavehall.'],
  'other-server-soketi': ['error', 'soketi answers there, and not Wavehall.'],
  'other-server': ['error', 'Another program answers there, and not Wavehall.'],
  'publish-host-unknown': ['error', 'The name has no address: Laravel cannot publish.'],
  'publish-refused': ['error', 'Nothing listens there: Laravel cannot publish.'],
  'publish-timeout': ['error', 'No answer: Laravel waits, and then fails.'],
  'publish-unreachable': ['error', 'The connection broke: Laravel cannot publish.'],
  'publish-scheme-wrong': ['error', 'Laravel uses http where the server has https, or the reverse.'],
  'publish-clock-refused': ['error', 'The clocks differ too much: the server refuses every event with 401.'],
  'publish-signature-refused': ['error', 'The server refuses every event with 401.'],
  'publish-app-unknown': ['error', 'The server does not serve this app: every event gets 404.'],
  'publish-path-wrong': ['error', 'There is no HTTP API at this path: every event gets 404.'],
  'publish-too-large': ['error', 'Even a small event is refused with 413.'],
  'publish-page-answered': ['error', 'A page answers in place of the HTTP API: no event arrives.'],
  'publish-redirected': ['error', 'The address redirects: the event is lost on the way.'],
  'publish-forbidden': ['error', 'Every event is refused with 403.'],
  'publish-rate-limited': ['error', 'Events are refused with 429.'],
  'publish-unavailable': [
    'error',
    'The proxy does not reach the server, or the server does not reach Redis.',
  ],
  'publish-failed': ['error', 'Events are refused.'],
  'event-size-limited': ['warning', 'Events of 10,000 bytes, which Pusher allows, are refused with 413.'],
  'clock-differs': ['error', 'The server refuses signatures: their time is too far from its own.'],
  'clock-drifts': ['warning', 'When the clocks drift further, the server refuses every event.'],
} as const satisfies Record<string, ProblemRow>;
