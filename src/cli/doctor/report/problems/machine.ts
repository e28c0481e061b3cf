import type { ProblemRow } from './problem-row.ts';

/** Problems of this machine, of the database of the apps and of Redis. */
export const MACHINE_PROBLEMS = {
  'open-files-low': ['warning', 'Each socket needs an open file: few clients fit.'],
  'database-unreachable': ['error', 'Wavehall answers 503 until it can read the apps.'],
  'database-tls-refused': ['error', 'Wavehall answers 503 until it can read the apps.'],
  'database-login-refused': ['error', 'Wavehall answers 503 until it can read the apps.'],
  'database-no-permission': ['error', 'Wavehall answers 503 until it can read the apps.'],
  'database-table-missing': ['error', 'Wavehall answers 503 until it can read the apps.'],
  'database-too-many-apps': ['error', 'Wavehall answers 503 until it can read the apps.'],
  'database-not-readable': ['error', 'Wavehall answers 503 until it can read the apps.'],
  'database-package-missing': ['error', 'Wavehall does not start.'],
  'database-empty': ['error', 'There is no app: every client is refused.'],
  'database-row-invalid': ['error', 'The app of this row is not served, or as it was before.'],
  'database-column-ignored': ['warning', 'A column has no effect, or not the whole.'],
  'redis-unreachable': ['error', 'Wavehall does not start, or answers 503.'],
  'redis-login-refused': ['error', 'Wavehall does not start.'],
  'redis-no-permission': ['error', 'Wavehall does not start: its Redis user may not do all that it needs.'],
  'redis-setting-wrong': ['error', 'Wavehall does not start.'],
  'redis-not-writable': ['error', 'Redis accepts no writes: publishing is answered with 503.'],
  'redis-too-old': ['error', 'Wavehall does not start.'],
  'redis-evicts-keys': ['warning', 'When Redis is full, member lists and missed events may be lost.'],
} as const satisfies Record<string, ProblemRow>;
