/** One entry of a file as it is written: a line, or several where a quoted value spans them. */
export interface RawEntry {
  /** Counted from 1: where the entry begins. */
  readonly line: number;
  readonly text: string;
}

/** Splits a `.env` into entries as `vlucas/phpdotenv` 5 does, without comments and empty lines. */
export function splitEntries(content: string): RawEntry[] {
  const entries: RawEntry[] = [];
  let open: { line: number; texts: string[] } | undefined;
  const add = (line: number, text: string): void => {
    if (!isCommentOrBlank(text)) entries.push({ line, text });
  };
  for (const [at, text] of content.split(/\r\n|\n|\r/).entries()) {
    if (open !== undefined) open.texts.push(text);
    else if (opensQuote(text)) open = { line: at + 1, texts: [text] };
    else add(at + 1, text);
    if (open === undefined || open.texts.length === 1 || quotesIn(text) === 0) continue;
    add(open.line, open.texts.join('\n'));
    open = undefined;
  }
  // A quote that is never closed: kept as an entry, so that it is refused.
  if (open !== undefined) entries.push({ line: open.line, text: open.texts.join('\n') });
  return entries;
}

/** True when a double quote follows the equals sign and is not closed in this line. */
function opensQuote(text: string): boolean {
  const at = text.indexOf('="');
  if (at === -1) return false;
  const hash = text.indexOf('#');
  return (hash === -1 || hash > at) && quotesIn(text) <= 1;
}

/** Counts double quotes without a backslash before them. */
const quotesIn = (text: string): number => text.replaceAll('\\\\', '').match(/(?<!\\)"/g)?.length ?? 0;

/** Removes the same white space as PHP's `trim`, which keeps form feeds. */
export const phpTrim = (text: string): string => text.replace(/^[ \n\r\t\0\v]+|[ \n\r\t\0\v]+$/g, '');

const isCommentOrBlank = (text: string): boolean => /^(#|$)/.test(phpTrim(text));
