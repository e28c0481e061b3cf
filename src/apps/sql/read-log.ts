import type { Logger } from '../../core/ports/logger.ts';
import { MinuteLog } from '../../core/util/minute-log.ts';
import type { DatabaseFailure } from './failure.ts';
import type { FailureReason } from './reasons.ts';
import type { AppsDatabase } from './options.ts';
import type { RowProblem } from './rows/row-problem.ts';

/** Lines about rows that one read may write. */
const MOST_LINES = 20;

/** Logs what is wrong with the table or its rows: each fault of a row once, until the row is valid again. */
export class ReadLog {
  readonly #table: string;
  readonly #logger: Pick<Logger, 'warn'>;
  readonly #failures: MinuteLog;
  readonly #counts = new Map<FailureReason, number>();
  #said: ReadonlySet<string> = new Set();
  #isFailing = false;
  invalidRows = 0;

  constructor({ table }: AppsDatabase, logger: Pick<Logger, 'warn'>) {
    this.#table = table;
    this.#logger = logger;
    this.#failures = new MinuteLog({
      logger,
      message: 'The apps cannot be read from their database (WAVEHALL_APPS_DATABASE)',
    });
  }

  get failures(): ReadonlyMap<FailureReason, number> {
    return this.#counts;
  }

  failed({ reason, message }: DatabaseFailure, isKnown: boolean): void {
    this.#isFailing = true;
    this.#counts.set(reason, (this.#counts.get(reason) ?? 0) + 1);
    const effect = isKnown
      ? 'the apps that are known are served as they are'
      : 'no client is accepted until they were read';
    this.#failures.add({ reason: message, effect });
  }

  read(problems: readonly RowProblem[], notes: readonly string[]): void {
    if (this.#isFailing) this.#logger.warn('The apps are read from their database again');
    this.#isFailing = false;
    this.invalidRows = new Set(problems.map(({ id }) => id)).size;
    const lines = [...problems.map(lineOf), ...notes.map(noteOf)];
    const fresh = lines.filter(({ key }) => !this.#said.has(key));
    this.#said = new Set(lines.map(({ key }) => key));
    for (const { message, details } of fresh.slice(0, MOST_LINES))
      this.#logger.warn(message, { table: this.#table, ...details });
    if (fresh.length > MOST_LINES)
      this.#logger.warn('More rows of the table of apps are not valid', { count: fresh.length - MOST_LINES });
  }
}

interface Line {
  readonly key: string;
  readonly message: string;
  readonly details: Readonly<Record<string, string>>;
}

const lineOf = ({ id, problem, isServed }: RowProblem): Line => ({
  key: `${id}\n${problem}\n${isServed}`,
  message: isServed
    ? 'A row of the table of apps is not valid: its app goes on as it was before'
    : 'A row of the table of apps is not valid: its app is not served',
  details: { app: id.slice(0, 200), problem },
});

const noteOf = (note: string): Line => ({
  key: note,
  message: 'A column of the table of apps has no effect, or not the whole',
  details: { note },
});
