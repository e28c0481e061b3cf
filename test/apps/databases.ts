import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, copyFileSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { readConfig } from '../../src/config/index.ts';
import type { Row } from '../../src/apps/sql/drivers/driver.ts';
import type { AppsDatabase } from '../../src/apps/sql/options.ts';
import { AppsWatch } from '../../src/apps/sql/watch.ts';
import { AppsAdministration } from '../../src/apps/sql/administration.ts';
import type { SelfSigned } from '../support/certificates.ts';
import { program, withPrograms } from '../support/programs.ts';
import { MARIADB_PROGRAMS, startMariaDb } from '../support/databases/mariadb.ts';
import { postgresFolder, startPostgres } from '../support/databases/postgres.ts';
import { type Account, accountOf, type TestDatabase } from '../support/databases/process.ts';
import { FakeLogger } from '../core/fakes.ts';

type TlsFiles = Pick<SelfSigned, 'certificate' | 'key'>;

function installAs(account: Account | undefined, folder: string, files: TlsFiles): [string, string] {
  const install = (name: keyof TlsFiles): string => {
    const copy = join(folder, `server-${name}`);
    copyFileSync(files[name], copy);
    chmodSync(copy, 0o600);
    if (account !== undefined) chownSync(copy, account.uid, account.gid);
    return copy;
  };
  return [install('certificate'), install('key')];
}

const columnsOf = (database: TestDatabase, table: string): Promise<readonly Row[]> =>
  database.execute(
    `SELECT column_name AS name, data_type AS type, column_default AS fallback, is_nullable AS nullable
     FROM information_schema.columns WHERE table_name = '${table}' ORDER BY ordinal_position`,
  );

/** A kind of database, for the tests that hold for all of them. */
export interface Kind {
  readonly name: string;
  readonly start: (args?: readonly string[]) => Promise<TestDatabase>;
  /** Quotes a name. */
  readonly q: (name: string) => string;
  /** Account that its server runs as, and that owns its files; `undefined`: the test's own. */
  readonly account: () => Account | undefined;
  /** Arguments of a server with this certificate. */
  readonly tlsArgs: (certificate: string, key: string) => readonly string[];
  /** Copies a certificate and its key to a folder, for its server alone. */
  readonly install: (folder: string, files: TlsFiles) => [certificate: string, key: string];
  /** Runs SQL with the client that the database brings. */
  readonly shell: (url: string, sql: string) => void;
  /** Name, type, default and whether it may be empty, of each column of a table. */
  readonly columns: (database: TestDatabase, table: string) => Promise<readonly Row[]>;
  /** Asks whether the connection is encrypted. */
  readonly encryption: { readonly sql: string; readonly isOn: (row: Row) => boolean };
  /** soketi's own schema, with its row. */
  readonly soketi: readonly string[];
}

const statementsIn = (file: string): string[] =>
  readFileSync(new URL(`soketi/${file}.sql`, import.meta.url), 'utf8')
    .split(';')
    .filter((each) => each.trim() !== '');

export const MARIADB: Kind = {
  name: 'MariaDB',
  start: startMariaDb,
  q: (name) => `\`${name}\``,
  account: () => undefined,
  install: (folder, files) => installAs(undefined, folder, files),
  shell: (url, input) => {
    const { port, username, password, pathname } = new URL(url);
    execFileSync(
      program('mariadb'),
      ['--no-defaults', '-h127.0.0.1', `-P${port}`, `-u${username}`, pathname.slice(1)],
      { input, env: { ...process.env, MYSQL_PWD: decodeURIComponent(password) } },
    );
  },
  columns: columnsOf,
  tlsArgs: (certificate, key) => [`--ssl-cert=${certificate}`, `--ssl-key=${key}`],
  encryption: { sql: "SHOW STATUS LIKE 'Ssl_cipher'", isOn: ({ Value }) => Value !== '' },
  soketi: statementsIn('mysql'),
};

export const POSTGRES: Kind = {
  name: 'PostgreSQL',
  start: startPostgres,
  q: (name) => `"${name}"`,
  account: () => accountOf('postgres'),
  install: (folder, files) => installAs(accountOf('postgres'), folder, files),
  shell: (url, input) => {
    execFileSync(join(postgresFolder() ?? '', 'psql'), ['-v', 'ON_ERROR_STOP=1', url], { input });
  },
  columns: columnsOf,
  tlsArgs: (certificate, key) =>
    ['ssl=on', `ssl_cert_file=${certificate}`, `ssl_key_file=${key}`].flatMap((each) => ['-c', each]),
  encryption: {
    sql: 'SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()',
    isOn: ({ ssl }) => ssl === true,
  },
  soketi: statementsIn('postgres'),
};

/** Declares tests of both kinds; in CI, a kind that is not installed fails. */
export function withDatabases(title: string, tests: (kind: Kind) => void): void {
  withPrograms(`${title}: MariaDB`, MARIADB_PROGRAMS, () => tests(MARIADB));
  withPrograms(`${title}: PostgreSQL`, postgresFolder() === undefined ? ['postgresql'] : [], () =>
    tests(POSTGRES),
  );
}

export function optionsOf(
  database: Pick<TestDatabase, 'url'>,
  changes: Partial<AppsDatabase> = {},
  variables: Record<string, string> = {},
): AppsDatabase {
  const { appsDatabase } = readConfig({ WAVEHALL_APPS_DATABASE: database.url, ...variables });
  if (appsDatabase === undefined) throw new Error('no database');
  return { ...appsDatabase, refreshMs: 30, timeoutMs: 2000, ...changes };
}

/** The apps of a table, with a fast refresh. */
export function openWatch(
  database: Pick<TestDatabase, 'url'>,
  changes: Partial<AppsDatabase> = {},
  variables: Record<string, string> = {},
) {
  const logger = new FakeLogger();
  const options = optionsOf(database, changes, variables);
  const watch = new AppsWatch({ options, logger });
  return {
    watch,
    options,
    logger,
    admin: new AppsAdministration(watch.database, options),
    ids: () => watch.apps.all.map(({ id }) => id),
    secretsOf: (id: string) => watch.apps.get(id)?.credentials.map(({ secret }) => secret),
    /** Lines of the log that contain this text. */
    lines: (text: string) => logger.warnings.filter((line) => JSON.stringify(line).includes(text)),
  };
}
