/** The scripts, each with its folder in `lua/`. */
export const SCRIPTS = {
  publish: 'events',
  'publish-once': 'events',
  'publish-unkept': 'events',
  'history-after': 'events',
  'sync-channel': 'membership',
  'verify-channel': 'membership',
  'find-orphans': 'membership',
  'start-settling': 'membership',
  'read-roster': 'membership',
  'occupied-channels': 'membership',
  attach: 'node',
  'renew-lease': 'node',
  'clean-up-node': 'node',
  'resolve-scopes': 'node',
  'count-connections': 'node',
  'take-signature': 'node',
  'take-tokens': 'requests',
  'claim-key': 'requests',
  'keep-answer': 'requests',
  'add-events': 'outbox',
  'poll-outbox': 'outbox',
  'take-events': 'outbox',
  'finish-events': 'outbox',
  'replay-events': 'outbox',
  'count-events': 'outbox',
  'server-info': 'server',
  'server-time': 'server',
  'script-outcome': 'server',
  'check-permissions': 'server',
  'repair-keys': 'server',
} as const;

export type ScriptName = keyof typeof SCRIPTS;

export const SCRIPT_NAMES = Object.keys(SCRIPTS) as readonly ScriptName[];
