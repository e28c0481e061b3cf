import type { ProblemRow } from './problem-row.ts';

/** Problems of Vite's variables, of Echo and of the built assets. */
export const BROWSER_PROBLEMS = {
  'secret-exposed': ['error', 'Everybody who opens the page can publish events and join private channels.'],
  'vite-variable-missing': ['error', 'Browsers get no value, and cannot connect.'],
  'vite-key-mismatch': ['error', 'Browsers use another app key: the server refuses them with 4001.'],
  'vite-host-invalid': ['error', 'Browsers cannot build the address of the server.'],
  'vite-host-local': ['warning', 'Browsers on other machines try to reach a server on their own machine.'],
  'vite-mixed-content': ['error', 'Browsers refuse ws:// on a page that was loaded over https://.'],
  'echo-connects-to-pusher': ['error', "Browsers connect to Pusher's own servers."],
  'echo-broadcaster-other': ['error', 'Echo does not speak the Pusher protocol.'],
  'echo-cluster-missing': ['error', 'pusher-js throws an exception when the page loads.'],
  'echo-force-tls': ['error', 'Browsers use wss:// although the server is configured for ws://.'],
  'echo-transport-missing': ['error', 'Browsers may not use the transport that the address needs.'],
  'echo-path-mismatch': ['error', 'Browsers use another path than the one Wavehall serves.'],
  'echo-packages-missing': ['warning', 'The assets cannot be built.'],
  'build-missing': ['warning', 'Pages that use @vite fail.'],
  'build-key-mismatch': [
    'error',
    'The built assets contain another app key: browsers are refused with 4001.',
  ],
  'build-address-mismatch': ['error', 'The built assets contain another address: browsers connect there.'],
  'build-stale': ['warning', 'Browsers may use older values than those in .env.'],
  'build-hot-file': ['warning', 'Pages load their scripts from a development server.'],
} as const satisfies Record<string, ProblemRow>;
