import { columns, painter, printable } from '../../cutover/status/table.ts';
import { problemsOf } from '../../settings/settings.ts';
import { fail } from '../fail.ts';
import type { ServerFlags } from './options.ts';

/** Runs a command: an error becomes one sentence on stderr, and exit code 1. */
export async function runCommand(act: () => Promise<void>): Promise<void> {
  try {
    await act();
  } catch (error) {
    fail(problemsOf(error));
  }
}

/** True when JSON is wanted: by the flag, or because no person reads. */
export const wantsJson = ({ json }: Pick<ServerFlags, 'json'>): boolean =>
  json === true || !process.stdout.isTTY;

/** Prints an answer as JSON, or as these lines on a terminal. */
export function print(
  flags: Pick<ServerFlags, 'json'>,
  answer: object,
  lines: () => readonly string[],
): void {
  const text = wantsJson(flags) ? JSON.stringify(answer, undefined, 2) : lines().join('\n');
  process.stdout.write(`${text}\n`);
}

/** Cells of a table. Text of others, such as the name of a channel, cannot control the terminal. */
type Row = readonly (string | number)[];

/** Lays rows out under a bold head; `none` stands in place of an empty table. */
export function table(head: readonly string[], rows: readonly Row[], none: string): string[] {
  if (rows.length === 0) return [none];
  const [first = '', ...lines] = columns([head, ...rows.map((row) => row.map((cell) => shown(cell)))]);
  return [bold(first), ...lines];
}

/** Makes text bold on a terminal that shows colours. */
export const bold = (text: string): string => painter({ colour: hasColour() })('bold', text);

/** Makes text red on a terminal that shows colours. */
export const red = (text: string): string => painter({ colour: hasColour() })('red', text);

/** True on a terminal that shows colours. */
export const hasColour = (): boolean => process.stdout.isTTY && (process.env.NO_COLOR ?? '') === '';

/** Text of others as a terminal may show it. */
export const shown = (cell: unknown): string => printable(String(cell));

/** `3 clients`, `1 client`. */
export const counted = (count: number, one: string): string => `${count} ${one}${count === 1 ? '' : 's'}`;

/** `12:03:01`, in the zone of this machine. */
export const clockTime = (ms: number): string => new Date(ms).toTimeString().slice(0, 8);

/** Plain lines for any JSON: lists of objects become tables, everything else `name  value`. */
export function describe(value: object): string[] {
  const entries = Object.entries(value) as [string, unknown][];
  const tables = entries.filter((entry): entry is [string, object[]] => isListOfObjects(entry[1]));
  const plain = entries.filter(([, each]) => !isListOfObjects(each));
  return [
    ...columns(plain.map(([name, each]) => [`  ${name}`, shownValue(each)])),
    ...tables.flatMap(([name, rows]) => [`  ${name}`, ...rowsOf(rows).map((line) => `    ${line}`)]),
  ];
}

const isListOfObjects = (value: unknown): boolean =>
  Array.isArray(value) &&
  value.length > 0 &&
  value.every((each) => typeof each === 'object' && each !== null);

function rowsOf(rows: readonly object[]): string[] {
  const names = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  const cells = rows.map((row) => names.map((name) => shownValue((row as Record<string, unknown>)[name])));
  return columns([names, ...cells]);
}

function shownValue(value: unknown): string {
  if (value === undefined) return '';
  if (Array.isArray(value) && value.length === 0) return 'none';
  return shown(typeof value === 'string' ? value : JSON.stringify(value));
}
