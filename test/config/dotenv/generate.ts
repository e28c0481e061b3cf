import fc from 'fast-check';

/** A `.env` and the environment around it. */
export interface Case {
  readonly file: Buffer;
  readonly outer: Readonly<Record<string, string>>;
}

const NAMES = ['T_A', 'T_B', 'T_C', 'T_D', 'T_E.F', 'T_ü', 'T_1'];
export const names: readonly string[] = [...NAMES, 'T_', 'ÜBER', 't_a', '9'];

const pick = (...texts: string[]) => fc.constantFrom(...texts);
const some = (arbitrary: fc.Arbitrary<string>, most: number, least = 0): fc.Arbitrary<string> =>
  fc.array(arbitrary, { minLength: least, maxLength: most }).map((texts) => texts.join(''));

/** Everything that has a meaning somewhere in a file, and a little that has none. */
const reference = fc
  .tuple(
    pick(...NAMES, 'T_NO', 'T_ü', ''),
    pick('${', '${', '${', '$', '\\${', '${$'),
    pick('}', '}', '}', '', '}}'),
  )
  .map(([name, before, behind]) => before + name + behind);
const word = pick(
  'a',
  'b',
  'c-d',
  'e',
  'hush',
  '7',
  'base64:q+/=',
  'true',
  '(true)',
  'null',
  '(Null)',
  'EMPTY',
  'ä€',
  '😀',
  '://u:p@h',
);
const sign = pick(
  '"',
  "'",
  '\\',
  '\\n',
  '\\t',
  '\\"',
  '\\\\',
  '\\$',
  '\\x',
  "\\'",
  '#',
  ' #',
  '# ',
  '$',
  '=',
  '="',
  '`',
  '(',
  ')',
);
const space = pick(' ', '  ', '\t', '\f', '\v', '\u00a0', '\u2003');
const lineEnd = pick('\n', '\n', '\r\n', '\r', '\n\n');
const piece = fc.oneof(
  { arbitrary: word, weight: 6 },
  { arbitrary: reference, weight: 4 },
  { arbitrary: sign, weight: 3 },
  { arbitrary: space, weight: 2 },
);

const inside = (quote: '"' | "'") =>
  some(
    fc.oneof(
      { arbitrary: word, weight: 5 },
      { arbitrary: reference, weight: 4 },
      { arbitrary: space, weight: 2 },
      {
        arbitrary:
          quote === '"'
            ? pick('\\n', '\\"', '\\\\', '\\$', '\\t', '#', "'")
            : pick('\\', '\\n', '#', '"', '$'),
        weight: 2,
      },
      { arbitrary: lineEnd, weight: quote === '"' ? 1 : 0 },
    ),
    5,
  ).map((text) => quote + text + quote);
const value = fc.oneof(
  { arbitrary: word, weight: 3 },
  { arbitrary: inside('"'), weight: 6 },
  { arbitrary: inside("'"), weight: 2 },
  { arbitrary: some(fc.oneof(word, reference), 4), weight: 6 },
  { arbitrary: some(piece, 4), weight: 1 },
  { arbitrary: inside('"').map((text) => `'${text}'`), weight: 1 },
  { arbitrary: word.map((text) => `"'${text}'"`), weight: 1 },
);
const name = fc.oneof(
  { arbitrary: pick(...NAMES), weight: 12 },
  { arbitrary: pick('"T_A"', "'T_B'", 'T-A', 'T A', '', 'ÜBER', 't_a', '9', 'T_$'), weight: 1 },
);
const before = fc.oneof(
  { arbitrary: pick('', ' ', 'export ', 'export\t', ' export  '), weight: 12 },
  { arbitrary: pick('export', '\f'), weight: 1 },
);
const equals = pick('=', '=', '=', ' = ', '= ', ' =', '\t=\t', '==');
const behind = fc.oneof(
  { arbitrary: pick('', '', ' ', ' # more', '#more', '\t'), weight: 12 },
  { arbitrary: pick(' more'), weight: 1 },
);
const assignment = fc.tuple(before, name, equals, value, behind).map((parts) => parts.join(''));
const line = fc.oneof(
  { arbitrary: assignment, weight: 24 },
  { arbitrary: pick('', '  ', '# T_A=b', ' #T_A="', '\f', '\0'), weight: 2 },
  {
    arbitrary: fc.tuple(before, name, pick('', '', ' ', ' # more')).map((parts) => parts.join('')),
    weight: 1,
  },
  { arbitrary: some(piece, 6), weight: 1 },
);

const bytes = fc
  .tuple(
    pick('', '', '', '', '\ufeff', '\ufeff\ufeff', '\n'),
    fc.array(line, { minLength: 1, maxLength: 5 }),
    lineEnd,
    pick('', '\n'),
  )
  .map(([mark, lines, end, last]) => Buffer.from(mark + lines.join(end) + last));
/** Bytes that are no UTF-8, and the character that stands for them. */
const broken = fc
  .tuple(bytes, pick('ff', 'c3', 'e282', '80', 'f09f98', 'efbfbd', 'c0af', 'eda080'), fc.nat(40))
  .map(([file, hex, at]) =>
    Buffer.concat([file.subarray(0, at), Buffer.from(hex, 'hex'), file.subarray(at)]),
  );
const outer = fc.dictionary(
  pick(...NAMES.filter((each) => /^\w+$/.test(each))),
  pick('', 'outer', 'null', '"q"', '${T_A}'),
  { maxKeys: 2 },
);

/** The same cases for the same seed. */
export const cases = (count: number, seed: number): Case[] =>
  fc.sample(
    fc.record({ file: fc.oneof({ arbitrary: bytes, weight: 15 }, { arbitrary: broken, weight: 1 }), outer }),
    { numRuns: count, seed },
  );
