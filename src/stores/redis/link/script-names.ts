/** Each is a file in `lua/`. */
export const SCRIPTS = [
  'attach',
  'beat',
  'assert',
  'bury',
  'publish',
  'tell',
  'clock',
  'ran',
  'since',
  'snapshot',
  'channels',
  'connect',
  'permissions',
  'server',
  'identify',
  'verify',
  'quieten',
  'orphans',
  'replay',
  'mend',
] as const;

export type ScriptName = (typeof SCRIPTS)[number];
