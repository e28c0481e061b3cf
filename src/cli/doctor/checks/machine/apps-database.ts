import { installCommand } from '../../../../apps/sql/failure.ts';
import type { AppsDatabase } from '../../../../apps/sql/options.ts';
import { describeApps } from '../../../../apps/sql/options.ts';
import type { FailureReason } from '../../../../apps/sql/reasons.ts';
import type { ReadTable } from '../../../../apps/sql/rows/table.ts';
import type { Context } from '../../context.ts';
import { type Finding, type Fix, ok, problem, skipped } from '../../report/finding.ts';
import type { ProblemName } from '../../report/problems.ts';

const NAMES: Readonly<Record<FailureReason, ProblemName>> = {
  unreachable: 'database-unreachable',
  timeout: 'database-unreachable',
  tls: 'database-tls-refused',
  login: 'database-login-refused',
  permission: 'database-no-permission',
  table: 'database-table-missing',
  too_many: 'database-too-many-apps',
  package: 'database-package-missing',
  other: 'database-not-readable',
};

/** Rows of which the report has a line each. */
const MOST_ROWS = 20;

/** Checks that the apps of a database can be read, as a server reads them. */
export function checkAppsDatabase({ server, serverEnv }: Context): Finding[] {
  const { database } = server;
  if (database === undefined)
    return [skipped('apps-database', 'the apps are in no database (WAVEHALL_APPS_DATABASE)')];
  const { options, failure, table } = database;
  if (failure !== undefined)
    return [
      problem(NAMES[failure.reason], failure.message, {
        file: serverEnv?.file,
        ...fixOf(failure.reason, options),
      }),
    ];
  return inTable(table, describeApps(options));
}

function fixOf(reason: FailureReason, options: AppsDatabase): Fix {
  if (reason === 'package') return { file: undefined, run: installCommand(options) };
  if (reason === 'table') return { file: undefined, run: 'wavehall apps migrate' };
  return reason === 'too_many' ? { line: `WAVEHALL_MAX_APPS=${options.maxApps * 2}` } : {};
}

function inTable({ apps, problems, notes }: ReadTable, source: string): Finding[] {
  if (apps.length + problems.length === 0)
    return [problem('database-empty', `${source}: it has no row`, { run: 'wavehall apps add' })];
  const found = [
    ...problems.map((row) => problem('database-row-invalid', row.problem)),
    ...notes.map((note) => problem('database-column-ignored', note)),
  ];
  const more = found.length - MOST_ROWS;
  if (more > 0)
    return [
      ...found.slice(0, MOST_ROWS),
      problem('database-row-invalid', `${source}: ${more} more such rows or columns`),
    ];
  return found.length > 0 ? found : [ok('apps-database', `${source}: ${apps.length} apps`)];
}
