/** Options of a printed report. */
export interface ReportOptions {
  /** False without a terminal, or with NO_COLOR. */
  readonly colour: boolean;
}

export type Paint = (style: keyof typeof CODES, text: string) => string;

const CODES = { red: [31, 39], green: [32, 39], bold: [1, 22] } as const;
const GAP = '  ';

/** Placeholder for a missing value. */
export const EMPTY_CELL = '–';

export const painter =
  ({ colour }: ReportOptions): Paint =>
  (style, text) =>
    colour ? `\u001B[${CODES[style][0]}m${text}\u001B[${CODES[style][1]}m` : text;

/** Aligns columns to their widest cells, without spaces at the ends of lines. */
export function columns(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, at) => Math.max(...rows.map((cells) => (cells[at] ?? '').length)));
  return rows.map((cells) =>
    cells
      .map((cell, at) => cell.padEnd(widths[at] ?? 0))
      .join(GAP)
      .trimEnd(),
  );
}

export const inMs = (ms: number | null): string => (ms === null ? EMPTY_CELL : `${Math.round(ms)} ms`);
export const timeOf = (ms: number): string => `${new Date(ms).toISOString().slice(0, 19)}Z`;

/** Removes control characters, and those that turn the direction, so that foreign text cannot write over the terminal. */
export const printable = (text: string): string =>
  text.replace(/[\p{Cc}\u2028\u2029\u202A-\u202E\u2066-\u2069]/gu, ' ');
