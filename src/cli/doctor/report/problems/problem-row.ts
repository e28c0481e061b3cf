/** Severity and meaning of a problem. */
export type ProblemRow = readonly [severity: 'error' | 'warning', means: string];
