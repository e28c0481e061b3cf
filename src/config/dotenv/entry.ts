import { phpTrim } from './lines.ts';

/** A value in parts: a part that is `open` may begin with a reference such as `${NAME}`. */
export interface ValuePart {
  readonly text: string;
  readonly open: boolean;
}

export interface Entry {
  readonly name: string;
  /** `undefined`: the name stands alone, without an equals sign. */
  readonly value: readonly ValuePart[] | undefined;
}

/** An entry that `vlucas/phpdotenv` refuses. The message never shows the value, which may be a secret. */
export class EntryError extends Error {
  override readonly name = 'EntryError';
}

/** Reads `NAME=value` as `vlucas/phpdotenv` 5 does. */
export function parseEntry(text: string): Entry {
  const at = text.indexOf('=');
  if (at === -1) return { name: parseName(text), value: undefined };
  const left = phpTrim(text.slice(0, at));
  if (left === '') throw new EntryError('expected a name before the equals sign');
  const name = parseName(left);
  return { name, value: parseValue(name, phpTrim(text.slice(at + 1))) };
}

function parseName(text: string): string {
  const exported = /^export[ \t\n\r\v\f]+(?=[^])/.exec(text);
  const plain = exported === null ? text : text.slice(exported[0].length);
  const name = /^(["'])[^]+\1$/.test(plain) ? plain.slice(1, -1) : plain;
  if (!/^[\p{Ll}\p{Lu}\p{M}\p{N}_.]+$/u.test(name))
    throw new EntryError('expected a name of letters, digits, _ and . alone (a comment begins with #)');
  return name;
}

type State = 'start' | 'plain' | 'single' | 'double' | 'escape' | 'behind' | 'comment';

/** Tokens: a run of line ends, a run of other white space, one special character, or a run of anything else. */
const TOKENS = /[\r\n]+|[ \t\v\f]+|[\\'"#$]|[^ \t\n\r\v\f\\'"#$]+/g;
const SPACE = /^[ \t\n\r\v\f]+$/;
const ESCAPED: Readonly<Record<string, string>> = { f: '\f', n: '\n', r: '\r', t: '\t', v: '\v' };
const UNFINISHED = new Set<State>(['single', 'double', 'escape']);

function parseValue(name: string, text: string): ValuePart[] {
  let state: State = 'start';
  let last = { text: '', open: false };
  const parts = [last];
  for (const token of text.match(TOKENS) ?? []) {
    const [next, chunk, open] = STEPS[state](token, name);
    state = next;
    if (open) parts.push((last = { text: chunk, open }));
    else last.text += chunk;
  }
  if (UNFINISHED.has(state)) throw new EntryError(`${name}: expected a closing quote`);
  return parts;
}

type Step = readonly [next: State, chunk: string, open: boolean];

const OPENING: Readonly<Record<string, State>> = { "'": 'single', '"': 'double', '#': 'comment' };

/** Transitions: for each state and token the next state, the text added to the value, and whether it may begin a reference. */
const STEPS: Readonly<Record<State, (token: string, name: string) => Step>> = {
  start: (token) => {
    const opened = OPENING[token];
    return opened === undefined ? ['plain', token, token === '$'] : [opened, '', false];
  },
  plain: (token) => {
    if (token === '#') return ['comment', '', false];
    return SPACE.test(token) ? ['behind', '', false] : ['plain', token, token === '$'];
  },
  single: (token) => (token === "'" ? ['behind', '', false] : ['single', token, false]),
  double: (token) => {
    if (token === '"') return ['behind', '', false];
    return token === '\\' ? ['escape', '', false] : ['double', token, token === '$'];
  },
  escape: (token, name) => ['double', unescaped(token, name), false],
  behind: (token, name) => {
    if (token === '#') return ['comment', '', false];
    if (SPACE.test(token)) return ['behind', '', false];
    throw new EntryError(`${name}: expected quotes around a value with white space, and nothing behind them`);
  },
  comment: () => ['comment', '', false],
};

function unescaped(token: string, name: string): string {
  if (/^["\\$]$/.test(token)) return token;
  const sign = ESCAPED[token.charAt(0)];
  if (sign === undefined)
    throw new EntryError(`${name}: expected one of " \\ $ f n r t v behind a backslash`);
  return sign + token.slice(1);
}
