import { type Credential, isJsonObject, type JsonObject } from '#protocol';
import type { App } from '../../../core/app.ts';
import { boolean, type Variables } from '../../../settings/settings.ts';
import { ignoredKeys } from '../../ignored.ts';
import { appFromJson } from '../../json-apps.ts';
import { translateSoketiApp } from '../../soketi.ts';
import { type Ceilings, withinCeilings } from '../../ceilings.ts';
import type { Row } from '../drivers/driver.ts';
import type { FormerPair } from './overlap.ts';

/** Columns that keep a replaced pair over restarts (SPEC 7.6). */
export const FORMER_COLUMNS = {
  key: 'previous_key',
  secret: 'previous_secret',
  until: 'previous_secret_until',
} as const;

/** Columns of Laravel's own that mean nothing here. */
const SILENT_COLUMNS = new Set(['created_at', 'updated_at', 'deleted_at']);

/** An app as its row has it, with its current pair alone. */
export interface ReadRow {
  readonly app: App;
  readonly former: FormerPair;
  /** Sentences about columns without effect, and about values that are lowered. */
  readonly notes: readonly string[];
}

interface RowContext {
  readonly table: string;
  readonly variables: Variables;
  readonly ceilings: Ceilings;
}

/** The id of a row as text; `undefined` when it is none. */
export function idOf({ id }: Row): string | undefined {
  const text = typeof id === 'number' || typeof id === 'bigint' ? String(id) : id;
  return typeof text === 'string' && text !== '' ? text : undefined;
}

/** False for a row that switches its app off, whatever else it has. */
export const isEnabled = ({ enabled }: Row): boolean =>
  enabled === undefined || enabled === null || boolean.parse(String(plain(enabled))) !== false;

/** Reads a row: soketi's columns, those that are named like an option of an app, and the JSON column `options`. */
export function readRow(row: Row, { table, variables, ceilings }: RowContext, problems: string[]): ReadRow {
  const place = `${table}[${JSON.stringify(idOf(row))}]`;
  const { options, ...own } = Object.fromEntries(
    Object.entries(row).filter(([name, value]) => isFilled(value) && !SILENT_COLUMNS.has(name)),
  );
  const columns = Object.entries(own)
    .filter(([name]) => !Object.values<string>(FORMER_COLUMNS).includes(name))
    .map(([name, value]) => [name, plain(value)] as const);
  const given = { ...objectIn(options, `${place}.options`, problems), ...Object.fromEntries(columns) };
  const translated = translateSoketiApp(given, place, problems);
  const notes = ignoredKeys({ apps: [translated], server: undefined }, table);
  const app = appFromJson(translated, place, variables, problems);
  return {
    app: withinCeilings(app, ceilings, place, notes),
    former: formerPair(own, app.credentials[0], place, problems),
    notes,
  };
}

const isFilled = (value: unknown): boolean => value !== undefined && value !== null && value !== '';

/** A `bit(1)` of MySQL comes as bytes. */
const plain = (value: unknown): unknown =>
  Buffer.isBuffer(value) ? (value.length === 1 ? (value[0] ?? 0) : value.toString()) : value;

function objectIn(given: unknown, place: string, problems: string[]): JsonObject {
  if (given === undefined) return {};
  const value = typeof given === 'string' ? parsed(given) : given;
  if (isJsonObject(value)) return value;
  problems.push(`${place}: expected a JSON object with options of an app`);
  return {};
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

function formerPair(row: Row, current: Credential, place: string, problems: string[]): FormerPair {
  const [key = current.key, secret, until] = [
    FORMER_COLUMNS.key,
    FORMER_COLUMNS.secret,
    FORMER_COLUMNS.until,
  ].map((column) => textOf(row[column]));
  const isTime = until === undefined || /^\d{1,12}$/.test(until);
  if (!isTime) problems.push(`${place}.${FORMER_COLUMNS.until}: expected a Unix time in seconds`);
  return {
    credential: secret === undefined ? undefined : { key, secret },
    untilSeconds: until === undefined || !isTime ? undefined : Number(until),
  };
}

const textOf = (value: unknown): string | undefined =>
  typeof value === 'string' ? value : value === undefined ? undefined : JSON.stringify(value);
