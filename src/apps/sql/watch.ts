import type { App } from '../../core/app.ts';
import type { Apps } from '../../core/ports/apps.ts';
import type { Logger } from '../../core/ports/logger.ts';
import { within } from '../../core/util/time.ts';
import { Database, quotedTable } from './database.ts';
import { DatabaseFailure, failureOf } from './failure.ts';
import { LiveApps } from './live-apps.ts';
import { describeApps, type AppsDatabase } from './options.ts';
import { ReadLog } from './read-log.ts';
import { AppTable, type ReadTable } from './rows/table.ts';

export interface WatchDeps {
  readonly options: AppsDatabase;
  readonly logger: Pick<Logger, 'warn'>;
  readonly database?: Database;
  readonly clock?: () => number;
}

/** Called with all apps before they are served. Never rejects. */
type Preparation = (apps: readonly App[]) => Promise<void>;

/** State of the apps of a database, for operators. */
export interface WatchState {
  readonly source: string;
  readonly apps: number;
  readonly invalidRows: number;
  /** Seconds since the last read that succeeded; `undefined`: none did. */
  readonly ageSeconds: number | undefined;
  readonly problem: string | undefined;
}

/**
 * Keeps the apps as the table has them (SPEC 2.18): reads it as a whole, every few seconds. Whatever fails, what is known goes on;
 * an answer counts when all of it has arrived.
 */
export class AppsWatch {
  readonly apps: Apps;
  readonly database: Database;
  readonly options: AppsDatabase;
  readonly log: ReadLog;
  readonly #live = new LiveApps();
  readonly #table: AppTable;
  readonly #clock: () => number;
  #prepare: Preparation = () => Promise.resolve();
  #timer: NodeJS.Timeout | undefined;
  #reading: Promise<void> | undefined;
  #isStopped = false;
  #readAtMs: number | undefined;
  #failure: DatabaseFailure | undefined;

  constructor({ options, logger, database = new Database(options), clock = Date.now }: WatchDeps) {
    this.apps = this.#live;
    this.options = options;
    this.database = database;
    this.log = new ReadLog(options, logger);
    this.#table = new AppTable(options);
    this.#clock = clock;
  }

  get state(): WatchState {
    return {
      source: describeApps(this.options),
      apps: this.#live.all.length,
      invalidRows: this.log.invalidRows,
      ageSeconds:
        this.#readAtMs === undefined ? undefined : Math.max(0, (this.#clock() - this.#readAtMs) / 1000),
      problem: this.#failure?.message,
    };
  }

  /** Calls `prepare` with the apps of each read, before they are served. */
  beforeUse(prepare: Preparation): void {
    this.#prepare = prepare;
  }

  /** Begins to read. Resolves after the first read, or `waitMs`; reads go on in both cases. Never rejects. */
  async start(waitMs: number): Promise<void> {
    await within(this.#next(), waitMs);
  }

  /** Reads once, from after this call. Rejects with the `DatabaseFailure` of that read. */
  async refresh(): Promise<void> {
    await this.#reading;
    await this.#readOnce();
    if (this.#failure !== undefined) throw this.#failure;
  }

  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
    this.database.close();
  }

  async #next(): Promise<void> {
    await this.#readOnce();
    if (!this.#isStopped) this.#timer = setTimeout(() => void this.#next(), this.options.refreshMs).unref();
  }

  /** Several calls at once are one read. Never rejects. */
  #readOnce(): Promise<void> {
    this.#reading ??= this.#read().finally(() => (this.#reading = undefined));
    return this.#reading;
  }

  async #read(): Promise<void> {
    try {
      const rows = await readRows(this.database, this.options);
      const { apps, problems, notes } = await this.#table.read(rows, this.#clock());
      await this.#use(apps);
      this.log.read(problems, notes);
      this.#readAtMs = this.#clock();
      this.#failure = undefined;
    } catch (error) {
      this.#failure = failureOf(error, this.options);
      if (this.#isStopped) return;
      this.log.failed(this.#failure, this.#live.isKnown);
      if (this.#live.isKnown) await this.#use(this.#table.again(this.#clock()));
    }
  }

  async #use(apps: readonly App[]): Promise<void> {
    const isNew = apps.some(({ id }) => this.#live.get(id) === undefined);
    if (isNew) await this.#prepare(apps);
    this.#live.replace(apps);
  }
}

/** Reads all rows, and one more than there may be. Rejects when there are more. */
async function readRows(database: Database, options: AppsDatabase) {
  const { maxApps } = options;
  const { rows } = await database.run(
    (driver) => `SELECT * FROM ${quotedTable(options, driver)} LIMIT ${maxApps + 1}`,
  );
  if (rows.length > maxApps)
    throw new DatabaseFailure(
      'too_many',
      `table ${options.table} has more than ${maxApps} rows (WAVEHALL_MAX_APPS): it is not read`,
    );
  return rows;
}

/** Reads the table once, for a command. Rejects with a `DatabaseFailure`. */
export async function readTableOnce(options: AppsDatabase): Promise<ReadTable> {
  const database = new Database(options);
  try {
    return await new AppTable(options).read(await readRows(database, options), Date.now());
  } finally {
    database.close();
  }
}

/** The apps of the table, for a command. Rejects with a `DatabaseFailure`. */
export const readAppsOnce = async (options: AppsDatabase): Promise<readonly App[]> =>
  (await readTableOnce(options)).apps;
