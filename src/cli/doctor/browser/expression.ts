/** A value that an expression has; `UNKNOWN`: it depends on something that only the browser knows. */
export type Value = string | number | boolean | null | undefined;
export const UNKNOWN = Symbol('unknown');
export type Result = Value | typeof UNKNOWN | readonly Result[];

/** Returns the value of a name such as `import.meta.env.VITE_REVERB_HOST`. */
export type Names = (name: string) => Result;

const TOKEN =
  /\s*(?:(\?\?|\|\||&&|===|!==|==|!=|[!?:()[\],])|"((?:[^"\\\n]|\\.)*)"|'((?:[^'\\\n]|\\.)*)'|`((?:[^`\\$]|\\.)*)`|(\d+(?:\.\d+)?)|([\w$]+(?:\??\.[\w$]+)*))/y;
const MAX_TOKENS = 200;

type Token =
  | { readonly kind: 'sign' | 'name'; readonly text: string }
  | { readonly kind: 'value'; readonly value: Value };

/** Evaluates the small part of JavaScript that options of Echo are written in, without running it. Never throws. */
export function evaluate(text: string, names: Names): Result {
  const tokens = tokensOf(text);
  if (tokens === undefined) return UNKNOWN;
  try {
    const parser = new Parser(tokens, names);
    const result = parser.conditional();
    return parser.isAtEnd ? result : UNKNOWN;
  } catch {
    return UNKNOWN;
  }
}

function tokensOf(text: string): Token[] | undefined {
  const tokens: Token[] = [];
  TOKEN.lastIndex = 0;
  // Types of TypeScript are no values.
  const source = text.replace(/\bas\s+[\w.]+/g, '').trim();
  while (TOKEN.lastIndex < source.length) {
    const found = TOKEN.exec(source);
    if (found === null || tokens.length > MAX_TOKENS) return undefined;
    const [, sign, double, single, back, number, name] = found;
    const quoted = double ?? single ?? back;
    if (sign !== undefined) tokens.push({ kind: 'sign', text: sign });
    else if (quoted !== undefined) tokens.push({ kind: 'value', value: unescaped(quoted) });
    else if (number !== undefined) tokens.push({ kind: 'value', value: Number(number) });
    else tokens.push({ kind: 'name', text: name ?? '' });
  }
  return tokens;
}

const unescaped = (text: string): string => text.replace(/\\(.)/g, '$1');

const WORDS: ReadonlyMap<string, Value> = new Map<string, Value>([
  ['true', true],
  ['false', false],
  ['null', null],
  ['undefined', undefined],
]);
const CONVERSIONS = new Set(['Number', 'parseInt', 'String', 'Boolean']);

class Parser {
  readonly #tokens: readonly Token[];
  readonly #names: Names;
  #at = 0;

  constructor(tokens: readonly Token[], names: Names) {
    this.#tokens = tokens;
    this.#names = names;
  }

  get isAtEnd(): boolean {
    return this.#at === this.#tokens.length;
  }

  conditional(): Result {
    const condition = this.#either();
    if (!this.#take('?')) return condition;
    const yes = this.conditional();
    this.#expect(':');
    const no = this.conditional();
    return condition === UNKNOWN ? UNKNOWN : condition ? yes : no;
  }

  #either(): Result {
    let left = this.#equality();
    for (;;) {
      if (this.#take('??')) left = pick(left, this.#equality(), left === null || left === undefined);
      else if (this.#take('||')) left = pick(left, this.#equality(), !left);
      else if (this.#take('&&')) left = pick(left, this.#equality(), Boolean(left));
      else return left;
    }
  }

  #equality(): Result {
    const left = this.#unary();
    const isEqual = this.#take('===') || this.#take('==');
    if (!isEqual && !this.#take('!==') && !this.#take('!=')) return left;
    const right = this.#unary();
    return left === UNKNOWN || right === UNKNOWN ? UNKNOWN : (left === right) === isEqual;
  }

  #unary(): Result {
    if (this.#take('!')) {
      const value = this.#unary();
      return value === UNKNOWN ? UNKNOWN : !value;
    }
    if (this.#take('(')) {
      const value = this.conditional();
      this.#expect(')');
      return value;
    }
    return this.#take('[') ? this.#list() : this.#plain();
  }

  #list(): Result {
    const items: Result[] = [];
    while (!this.#take(']')) {
      items.push(this.conditional());
      if (!this.#take(',') && this.#peek() !== ']') throw new Error('expected a comma');
    }
    return items;
  }

  #plain(): Result {
    const token = this.#tokens[this.#at++];
    if (token?.kind === 'value') return token.value;
    if (token?.kind !== 'name') throw new Error('expected a value');
    if (token.text === 'void') {
      this.#unary();
      return undefined;
    }
    if (WORDS.has(token.text)) return WORDS.get(token.text);
    return CONVERSIONS.has(token.text) && this.#take('(')
      ? this.#converted()
      : this.#names(token.text.replaceAll('?.', '.'));
  }

  /** `Number(x)` and the like: compared as text later, so that the value itself is enough. */
  #converted(): Result {
    const value = this.conditional();
    if (this.#take(',')) this.conditional();
    this.#expect(')');
    return value;
  }

  #peek(): string | undefined {
    const token = this.#tokens[this.#at];
    return token?.kind === 'sign' ? token.text : undefined;
  }

  #take(sign: string): boolean {
    if (this.#peek() !== sign) return false;
    this.#at += 1;
    return true;
  }

  #expect(sign: string): void {
    if (!this.#take(sign)) throw new Error(`expected ${sign}`);
  }
}

const pick = (left: Result, right: Result, takesRight: boolean): Result =>
  left === UNKNOWN ? UNKNOWN : takesRight ? right : left;
