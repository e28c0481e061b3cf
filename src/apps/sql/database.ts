import { Mutex } from '../../core/util/mutex.ts';
import { ignore } from '../../core/util/ignore.ts';
import { within } from '../../core/util/time.ts';
import type { AppsDatabase } from './options.ts';
import { failureOf, TimedOut } from './failure.ts';
import type { Driver, SqlConnection, SqlResult } from './drivers/driver.ts';

/** Makes a statement. `bind`: adds a value, and returns the placeholder that stands for it. */
type MakeStatement = (driver: Driver, bind: (value: unknown) => string) => string;

/**
 * The database of the apps, over one connection that is opened when it is needed, and again after it was lost. One statement at a
 * time; each has the timeout of the settings. Rejects with a `DatabaseFailure`.
 */
export class Database {
  readonly #options: AppsDatabase;
  readonly #driver: () => Promise<Driver>;
  readonly #turns = new Mutex();
  #connection: SqlConnection | undefined;
  #isClosed = false;

  /** `driver`: loads the code for the kind of database, when it is first needed. */
  constructor(options: AppsDatabase, driver: () => Promise<Driver> = () => loadDriver(options)) {
    this.#options = options;
    this.#driver = driver;
  }

  /** Runs the statement that `make` returns for this kind of database. */
  run(make: MakeStatement): Promise<SqlResult> {
    return this.#turns.run(() => this.#run(make));
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  close(): void {
    this.#isClosed = true;
    this.#drop();
  }

  async #run(make: MakeStatement): Promise<SqlResult> {
    try {
      const driver = await this.#driver();
      const values: unknown[] = [];
      const sql = make(driver, (value) => driver.placeholder(values.push(value)));
      this.#connection ??= await this.#open(driver);
      return await this.#inTime(this.#connection.query(sql, values));
    } catch (error) {
      this.#drop();
      throw failureOf(error, this.#options);
    }
  }

  async #open(driver: Driver): Promise<SqlConnection> {
    if (this.#isClosed) throw new Error('The server stops.');
    const lost = new AbortController();
    const connecting = driver.connect(this.#options, () => lost.abort());
    const connection = await this.#inTime(connecting, () => {
      // A connection that is accepted too late is ended, not kept.
      connecting.then((late) => late.destroy(), ignore);
    });
    if (lost.signal.aborted || this.isClosed) {
      connection.destroy();
      throw new Error('The connection was lost at once.');
    }
    lost.signal.addEventListener('abort', () => this.#drop(connection));
    return connection;
  }

  #inTime<T>(task: Promise<T>, onLate: () => void = ignore): Promise<T> {
    task.catch(ignore);
    return within(task, this.#options.timeoutMs, () => {
      onLate();
      throw new TimedOut();
    });
  }

  #drop(connection = this.#connection): void {
    if (connection === undefined) return;
    if (this.#connection === connection) this.#connection = undefined;
    connection.destroy();
  }
}

/** Only the code of the database that is used is loaded. */
export const loadDriver = async ({ dialect }: Pick<AppsDatabase, 'dialect'>): Promise<Driver> =>
  dialect === 'mysql'
    ? (await import('./drivers/mysql.ts')).mysql
    : (await import('./drivers/postgres.ts')).postgres;

/** Rejects with a `DatabaseFailure` when the npm package of the database is not installed. */
export async function requirePackage(options: AppsDatabase): Promise<void> {
  const driver = await loadDriver(options);
  await driver.load().catch((error: unknown) => {
    throw failureOf(error, options);
  });
}

/** The quoted name of the table of the apps. */
export const quotedTable = ({ table }: Pick<AppsDatabase, 'table'>, driver: Driver): string =>
  table
    .split('.')
    .map((part) => driver.quote(part))
    .join('.');
