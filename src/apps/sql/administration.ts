import { randomBytes } from 'node:crypto';
import { sleep } from '../../core/util/time.ts';
import { type Database, quotedTable } from './database.ts';
import { DatabaseFailure } from './failure.ts';
import type { Driver } from './drivers/driver.ts';
import type { AppsDatabase } from './options.ts';
import { FORMER_COLUMNS, idOf } from './rows/row.ts';
import { addColumn, createTable, NEW_ROW, OWN_COLUMN_NAMES } from './schema.ts';

/** Credentials of an app, shown once. */
export interface NewCredentials {
  readonly id: string;
  readonly key: string;
  readonly secret: string;
}

export interface Rotation extends NewCredentials {
  /** Unix time in seconds until which the former secret is valid. */
  readonly formerUntilSeconds: number;
}

export interface RotationRequest {
  /** Replace the key too. */
  readonly key: boolean;
  /** Seconds for which the former pair stays valid; `undefined`: those of the setting. */
  readonly overlapSeconds?: number | undefined;
}

/** A change that the table does not allow; the message says why. */
export class AppsConflict extends Error {
  override readonly name = 'AppsConflict';
}

/** An id stands in paths and in keys of Redis. */
const ID = /^(?!\.+$)[\w.-]{1,100}$/;

/** Longest time that an answer waits for the other nodes: a caller has a timeout of its own. */
const MOST_SETTLING_MS = 8000;
const READ_MS = 1000;

/**
 * Changes the table of the apps. New credentials are returned when every node has had its time to read them, so that they can be
 * used at once, wherever a client arrives. Rejects with an `AppsConflict` or a `DatabaseFailure`.
 */
export class AppsAdministration {
  readonly #database: Database;
  readonly #options: AppsDatabase;

  constructor(database: Database, options: AppsDatabase) {
    this.#database = database;
    this.#options = options;
  }

  /** Adds an app with new credentials; without an `id`, the id is drawn too. */
  async add(id = `${100_000 + (randomBytes(4).readUInt32BE() % 900_000)}`): Promise<NewCredentials> {
    if (!ID.test(id))
      throw new AppsConflict(`id ${JSON.stringify(id)}: expected at most 100 letters, digits, dots, - and _`);
    if (await this.#has(id)) throw new AppsConflict(`There is an app ${JSON.stringify(id)} already.`);
    const app = { id, key: newKey(), secret: newSecret() };
    const columns = await this.#columns();
    const row = {
      ...app,
      ...Object.fromEntries(Object.entries(NEW_ROW).filter(([name]) => columns.includes(name))),
    };
    await this.#run((driver, table, bind) => {
      const names = Object.keys(row).map((name) => driver.quote(name));
      return `INSERT INTO ${table} (${names.join(', ')}) VALUES (${Object.values(row).map(bind).join(', ')})`;
    });
    await this.#settle();
    return app;
  }

  /** Gives the app a new secret, and a new key if that is asked for. The former pair stays valid for the overlap (SPEC 7.6). */
  async rotate(id: string, { key: replacesKey, overlapSeconds }: RotationRequest): Promise<Rotation> {
    const columns = await this.#columns();
    const keeps = OWN_COLUMN_NAMES.every((name) => name === 'options' || columns.includes(name));
    if (!keeps && overlapSeconds !== undefined)
      throw new AppsConflict(
        `An overlap of its own needs the columns ${Object.values(FORMER_COLUMNS).join(', ')}: wavehall apps migrate adds them.`,
      );
    const seconds = overlapSeconds ?? this.#options.overlapSeconds;
    const formerUntilSeconds = Math.floor(Date.now() / 1000) + seconds;
    const secret = newSecret();
    const changes: Change[] = [
      ...(keeps ? formerPair(seconds > 0, formerUntilSeconds) : []),
      { column: 'secret', value: secret },
      ...(replacesKey ? [{ column: 'key', value: newKey() }] : []),
    ];
    await this.#update(id, changes);
    const key = await this.#keyOf(id);
    await this.#settle();
    return { id, key, secret, formerUntilSeconds };
  }

  setEnabled(id: string, isEnabled: boolean): Promise<void> {
    return this.#update(id, [{ column: 'enabled', value: Number(isEnabled) }]);
  }

  /** Creates the table, or adds the columns that are missing. Returns what was done, as sentences; none: nothing was missing. */
  async migrate(): Promise<readonly string[]> {
    const { table } = this.#options;
    try {
      const columns = await this.#columns();
      const missing = OWN_COLUMN_NAMES.filter((name) => !columns.includes(name));
      for (const name of missing)
        await this.#database.run((driver) => addColumn(this.#options, driver, name));
      return missing.map((name) => `Table ${table} has the column ${name} now.`);
    } catch (error) {
      if (!(error instanceof DatabaseFailure) || error.reason !== 'table') throw error;
      await this.#database.run((driver) => createTable(this.#options, driver));
      return [`Table ${table} is created.`];
    }
  }

  async #settle(): Promise<void> {
    const { refreshMs } = this.#options;
    await sleep(Math.min(refreshMs + Math.min(refreshMs, READ_MS), MOST_SETTLING_MS));
  }

  async #update(id: string, changes: readonly Change[]): Promise<void> {
    if (!(await this.#has(id))) throw new AppsConflict(`There is no app ${JSON.stringify(id)} in the table.`);
    await this.#run((driver, table, bind) => {
      const sets = changes.map(
        ({ column, ...to }) =>
          `${driver.quote(column)} = ${'from' in to ? driver.quote(to.from) : bind(to.value)}`,
      );
      return `UPDATE ${table} SET ${sets.join(', ')} WHERE ${driver.quote('id')} = ${bind(id)}`;
    });
  }

  /** Compares by itself: the collation of a column may take `App` for `app`. */
  async #has(id: string): Promise<boolean> {
    const { rows } = await this.#run(
      (driver, table, bind) =>
        `SELECT ${driver.quote('id')} FROM ${table} WHERE ${driver.quote('id')} = ${bind(id)}`,
    );
    return rows.some((row) => idOf(row) === id);
  }

  async #keyOf(id: string): Promise<string> {
    const { rows } = await this.#run(
      (driver, table, bind) =>
        `SELECT ${driver.quote('key')} FROM ${table} WHERE ${driver.quote('id')} = ${bind(id)}`,
    );
    const [{ key } = {}] = rows;
    return typeof key === 'string' ? key : JSON.stringify(key);
  }

  async #columns(): Promise<readonly string[]> {
    return (await this.#run((_, table) => `SELECT * FROM ${table} LIMIT 0`)).columns;
  }

  #run(make: (driver: Driver, table: string, bind: (value: unknown) => string) => string) {
    return this.#database.run((driver, bind) => make(driver, quotedTable(this.#options, driver), bind));
  }
}

type Change = { readonly column: string } & ({ readonly value: unknown } | { readonly from: string });

/** Comes before the new pair: MySQL assigns from left to right. */
const formerPair = (isKept: boolean, untilSeconds: number): Change[] => [
  ...(isKept
    ? [
        { column: FORMER_COLUMNS.key, from: 'key' },
        { column: FORMER_COLUMNS.secret, from: 'secret' },
      ]
    : [
        { column: FORMER_COLUMNS.key, value: null },
        { column: FORMER_COLUMNS.secret, value: null },
      ]),
  { column: FORMER_COLUMNS.until, value: untilSeconds },
];

const newKey = (): string => randomBytes(10).toString('hex');
const newSecret = (): string => randomBytes(32).toString('hex');
