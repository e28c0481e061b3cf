import { PROBLEMS, type ProblemName } from './problems.ts';

export type Severity = 'error' | 'warning' | 'ok' | 'skipped';

/** The change that removes a problem. */
export interface Fix {
  readonly file?: string | undefined;
  /** Counted from 1; `undefined`: the line is not in the file yet. */
  readonly lineNumber?: number | undefined;
  /** The line as it should be. */
  readonly line?: string | undefined;
  /** Command to run afterwards. */
  readonly run?: string | undefined;
}

/** One result of a check. Its name is stable: scripts may search for it. */
export interface Finding {
  readonly name: string;
  readonly severity: Severity;
  /** Sentence on what was found, with the values that matter. */
  readonly message: string;
  /** Consequence for the app; problems only. */
  readonly means?: string;
  readonly fix?: Fix;
}

/** Creates a problem; its severity and its meaning stand in the table. */
export function problem(name: ProblemName, message: string, fix?: Fix): Finding {
  const [severity, means] = PROBLEMS[name];
  return { name, severity, message, means, ...(fix && { fix }) };
}

/** A check that had no problem. */
export const ok = (check: string, message: string): Finding => ({ name: check, severity: 'ok', message });

/** A check that could not be made, and the reason. */
export const skipped = (check: string, message: string): Finding => ({
  name: check,
  severity: 'skipped',
  message,
});
