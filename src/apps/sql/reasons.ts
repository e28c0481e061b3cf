/** Why the apps cannot be read, in the words of a label. */
export const FAILURE_REASONS = [
  'unreachable',
  'tls',
  'login',
  'permission',
  'table',
  'timeout',
  'too_many',
  'package',
  'other',
] as const;

export type FailureReason = (typeof FAILURE_REASONS)[number];
