import { rootCertificates } from 'node:tls';
import type { DatabaseAddress } from '../address.ts';

export type Row = Readonly<Record<string, unknown>>;

export interface SqlResult {
  readonly rows: readonly Row[];
  readonly columns: readonly string[];
  /** Rows that a statement has changed. */
  readonly changed: number;
}

/** One connection to a database. */
export interface SqlConnection {
  /** Rejects with the error of the driver. */
  query(sql: string, values: readonly unknown[]): Promise<SqlResult>;
  /** Ends it at once, whatever it waits for. Never throws. */
  destroy(): void;
}

export interface ConnectOptions extends DatabaseAddress {
  readonly tlsCa: string | undefined;
  readonly timeoutMs: number;
}

/** The differences of one kind of database. */
export interface Driver {
  /** Loads the npm package of the database, which the operator installs. Rejects when it is missing. */
  load(): Promise<unknown>;
  /** Quotes one part of a name. */
  quote(name: string): string;
  /** The placeholder of the value with this number, from 1. */
  placeholder(at: number): string;
  /** Type of a column for a text of up to 255 characters, a number of seconds, and JSON. */
  readonly types: { readonly text: string; readonly seconds: string; readonly json: string };
  /** Options of a new table: ids and keys differ by case, and may have any character. */
  readonly tableOptions: string;
  /** `onLost`: called when the connection ends by itself. */
  connect(options: ConnectOptions, onLost: () => void): Promise<SqlConnection>;
}

export const tlsOptions = ({ tls, tlsCa }: ConnectOptions) => ({
  ...(tlsCa === undefined ? {} : { ca: [...rootCertificates, tlsCa] }),
  rejectUnauthorized: tls === 'verified',
});
