import { ConfigError, type Variables } from '../../settings/settings.ts';
import { EntryError, parseEntry, type ValuePart } from './entry.ts';
import { splitEntries } from './lines.ts';

/**
 * Reads what a `.env` adds to an environment: the values that Laravel's `env()` finds beside `outer`, which wins, also where it
 * has an empty text. A name that stands alone in the file and has no value is `undefined`.
 */
export function loadDotenv(content: Buffer, outer: Variables): Map<string, string | undefined> {
  const found = new Map<string, string | undefined>();
  const settled = new Set<string>();
  for (const { name, value } of parseEntries(decodeUtf8(content))) {
    if (outer[name] !== undefined || settled.has(name)) continue;
    const text = value && resolveReferences(value, (other) => outer[other] ?? found.get(other));
    found.set(name, text);
    // PHP's putenv refuses NUL, so a later entry cannot replace such a value.
    if (text?.includes('\0') === true) settled.add(name);
  }
  return found;
}

function parseEntries(content: string) {
  const problems: string[] = [];
  const entries = splitEntries(content).flatMap(({ line, text }) => {
    try {
      return [parseEntry(text)];
    } catch (error) {
      if (!(error instanceof EntryError)) throw error;
      problems.push(`line ${line}: ${error.message}`);
      return [];
    }
  });
  if (problems.length > 0) throw new ConfigError(problems);
  return entries;
}

/**
 * Replaces references from right to left: the value of one may complete the one before it. A reference without a value stays.
 *   ${A_${B}} with B=x becomes ${A_x}, and then its value
 */
function resolveReferences(
  parts: readonly ValuePart[],
  valueOf: (name: string) => string | undefined,
): string {
  return parts.reduceRight((tail, { text, open }) => {
    const all = text + tail;
    return open
      ? all.replace(/^\$\{([a-zA-Z0-9_.]+)\}/, (whole, name: string) => valueOf(name) ?? whole)
      : all;
  }, '');
}

const BYTE_ORDER_MARK = /^\ufeff/;
const REPLACEMENT = '\ufffd';

/** Decodes as PHP's mb_convert_encoding does: invalid UTF-8 becomes a question mark. A byte order mark is removed. */
function decodeUtf8(content: Buffer): string {
  const text = content.toString('utf8');
  const read = text.includes(REPLACEMENT) ? replaceInvalidUtf8(content) : text;
  return read.replace(BYTE_ORDER_MARK, '');
}

/** Decodes the pieces between the replacement characters (U+FFFD) of the file itself, so that these stay. */
function replaceInvalidUtf8(content: Buffer): string {
  const pieces: string[] = [];
  const own = Buffer.from(REPLACEMENT);
  let from = 0;
  for (let at = content.indexOf(own); at !== -1; at = content.indexOf(own, from)) {
    pieces.push(content.toString('utf8', from, at));
    from = at + own.length;
  }
  pieces.push(content.toString('utf8', from));
  return pieces.map((piece) => piece.replaceAll(REPLACEMENT, '?')).join(REPLACEMENT);
}
