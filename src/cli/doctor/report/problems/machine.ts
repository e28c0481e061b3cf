import type { ProblemRow } from './problem-row.ts';

/** Problems of this machine and of Redis. */
export const MACHINE_PROBLEMS = {
  'open-files-low': ['warning', 'Each socket needs an open file: few clients fit.'],
  'redis-unreachable': ['error', 'Wavehall does not start, or answers 503.'],
  'redis-login-refused': ['error', 'Wavehall does not start.'],
  'redis-no-permission': ['error', 'Wavehall does not start: its Redis user may not do all that it needs.'],
  'redis-setting-wrong': ['error', 'Wavehall does not start.'],
  'redis-not-writable': ['error', 'Redis accepts no writes: publishing is answered with 503.'],
  'redis-too-old': ['error', 'Wavehall does not start.'],
  'redis-evicts-keys': ['warning', 'When Redis is full, member lists and missed events may be lost.'],
} as const satisfies Record<string, ProblemRow>;
