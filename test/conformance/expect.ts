import { isDeepStrictEqual } from 'node:util';

const show = (value: unknown): string => {
  const text =
    value === undefined ? 'nothing' : ((JSON.stringify(value) as string | undefined) ?? typeof value);
  return text.length > 400 ? `${text.slice(0, 400)}… (${text.length} characters)` : text;
};

/** A difference of the server from the protocol; not a defect of the case. */
export class Difference extends Error {
  readonly expected: string;
  readonly got: string;
  constructor(what: string, expected: string, got: string) {
    super(`${what}: expected ${expected}, got ${got}`);
    this.expected = expected;
    this.got = got;
  }
}

/** Fails unless both are equal as JSON values; the order of keys does not matter. */
export const same = (got: unknown, expected: unknown, what: string): void => {
  if (!isDeepStrictEqual(got, expected)) throw new Difference(what, show(expected), show(got));
};

/** Fails unless the value passes a test; `expected` describes it in words. */
export const holds = (test: boolean, what: string, expected: string, got: unknown): void => {
  if (!test) throw new Difference(what, expected, show(got));
};

export const matches = (got: unknown, pattern: RegExp, what: string): string => {
  if (typeof got !== 'string' || !pattern.test(got))
    throw new Difference(what, `text like ${String(pattern)}`, show(got));
  return got;
};
