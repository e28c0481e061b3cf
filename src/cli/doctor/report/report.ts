import type { Finding } from './finding.ts';

/** The result of all checks. No text of it contains a secret. */
export interface Report {
  readonly laravel: string | null;
  /** Where Laravel publishes. */
  readonly publishUrl: string | null;
  /** Where browsers connect. */
  readonly publicUrl: string | null;
  readonly errors: number;
  readonly warnings: number;
  readonly findings: readonly Finding[];
}
