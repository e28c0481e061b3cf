/** The first place at which a text is not JSON. Lines and columns are counted from 1. */
export interface JsonFault {
  readonly line: number;
  readonly column: number;
  readonly expected: string;
}

const TOKEN =
  /"(?:[^"\\\u0000-\u001F]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null|[[\]{},:]/y;
const TEXT_BEGINNING = /"(?:[^"\\\u0000-\u001F]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*/y;
const SPACE = /[ \t\n\r]*/y;
/** Deepest nesting that is read. */
const MAX_DEPTH = 1000;

type Expected = 'value' | 'value or ]' | 'name' | 'name or }' | ':' | ', or ]' | ', or }' | 'the end';

const WORDS: Readonly<Record<Expected, string>> = {
  value: 'a value (text in double quotes, number, true, false, null, [ or {)',
  'value or ]': 'a value, or ]',
  name: 'a name in double quotes',
  'name or }': 'a name in double quotes, or }',
  ':': 'a colon',
  ', or ]': 'a comma, or ]',
  ', or }': 'a comma, or }',
  'the end': 'the end of the text',
};

/** Finds where a text stops to be JSON; `undefined`: it is JSON. */
export function faultIn(text: string): JsonFault | undefined {
  const open: ('[' | '{')[] = [];
  let expected: Expected = 'value';
  let at = 0;
  for (;;) {
    at = endOf(SPACE, text, at) ?? at;
    const end = endOf(TOKEN, text, at);
    const token = text.slice(at, end ?? at);
    if (at === text.length && expected === 'the end') return undefined;
    const next: Expected | undefined = token === '' ? undefined : after(token, expected, open);
    if (next === undefined || open.length > MAX_DEPTH) return faultAt(text, at, expected, token);
    expected = next;
    at = end ?? at;
  }
}

/** A text in double quotes that is not one has its fault inside. */
function faultAt(text: string, at: number, expected: Expected, token: string): JsonFault {
  const isBrokenText = token === '' && text[at] === '"' && /^(?:value|name)/.test(expected);
  if (!isBrokenText) return placeOf(text, at, WORDS[expected]);
  return placeOf(
    text,
    endOf(TEXT_BEGINNING, text, at) ?? at,
    'the rest of this text, with a double quote at its end',
  );
}

/** Expected after this token; `undefined`: the token may not stand here. */
function after(token: string, expected: Expected, open: ('[' | '{')[]): Expected | undefined {
  if (isEnd(token) && expected.endsWith(token)) return closed(open);
  switch (expected) {
    case 'name':
    case 'name or }':
      return token.startsWith('"') ? ':' : undefined;
    case ':':
      return token === ':' ? 'value' : undefined;
    case ', or ]':
    case ', or }':
      if (token !== ',') return undefined;
      return expected === ', or ]' ? 'value' : 'name';
    case 'value':
    case 'value or ]':
      return value(token, open);
    case 'the end':
      return undefined;
  }
}

const isEnd = (token: string): boolean => token === ']' || token === '}';

function value(token: string, open: ('[' | '{')[]): Expected | undefined {
  if (token === '[' || token === '{') {
    open.push(token);
    return token === '[' ? 'value or ]' : 'name or }';
  }
  return /^[\]},:]/.test(token) ? undefined : inside(open);
}

function closed(open: ('[' | '{')[]): Expected {
  open.pop();
  return inside(open);
}

function inside(open: readonly ('[' | '{')[]): Expected {
  const last = open.at(-1);
  return last === undefined ? 'the end' : last === '[' ? ', or ]' : ', or }';
}

function endOf(pattern: RegExp, text: string, at: number): number | undefined {
  pattern.lastIndex = at;
  return pattern.test(text) ? pattern.lastIndex : undefined;
}

function placeOf(text: string, at: number, expected: string): JsonFault {
  const before = text.slice(0, at).split('\n');
  return { line: before.length, column: (before.at(-1)?.length ?? 0) + 1, expected };
}
