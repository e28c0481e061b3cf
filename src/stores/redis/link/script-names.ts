/** Names of the script files in `lua/`. */
export const SCRIPTS = [
  'attach',
  'renew-lease',
  'sync-channel',
  'clean-up-node',
  'publish',
  'publish-unkept',
  'server-time',
  'script-outcome',
  'history-after',
  'read-roster',
  'occupied-channels',
  'count-connections',
  'check-permissions',
  'server-info',
  'resolve-scopes',
  'verify-channel',
  'start-settling',
  'find-orphans',
  'take-signature',
  'repair-keys',
] as const;

export type ScriptName = (typeof SCRIPTS)[number];
