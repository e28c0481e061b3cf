import type { Site } from '../site.ts';

/** A set-up with one fault, and how `wavehall trace` names it. */
export interface SetUp {
  readonly fault: string;
  /** Cause of SPEC 16.5, and its sentence. */
  readonly cause: string;
  readonly says: RegExp;
  /** Settings of the server. */
  readonly env?: Readonly<Record<string, string>>;
  /** Plants the fault; returns the words of `wavehall trace` with which an operator asks. */
  readonly plant: (site: Site) => Promise<readonly string[]>;
}
