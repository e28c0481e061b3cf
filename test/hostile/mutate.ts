import type { SeededRandom } from '../support/seeded-random.ts';

/** Values that break careless parsers. */
const ODD_VALUES: readonly unknown[] = [
  null,
  true,
  0,
  -1,
  1.5,
  1e308,
  '',
  ' ',
  '0',
  'null',
  '__proto__',
  'constructor',
  '\u0000',
  '\u2028',
  '\ud800',
  '\ufeff',
  'x'.repeat(300),
  'é'.repeat(3000),
  [],
  {},
  [[]],
  [null],
  JSON.parse('{"__proto__":{"x":1}}'),
  { toString: 1 },
  { length: 1e9 },
];

const ODD_KEYS: readonly string[] = [
  '',
  '__proto__',
  'toString',
  'channel',
  'event',
  'data',
  'auth',
  '\u0000',
  'x'.repeat(500),
];

/** Texts that are written into the middle of another. */
const ODD_TEXTS: readonly string[] = [
  '\0',
  '\r\n',
  '\r\n\r\n',
  '\n\n',
  '%00',
  '%ff',
  '%',
  '../',
  '//',
  '\\',
  '"',
  '{',
  '['.repeat(2000),
  ':',
  ',',
  '1e999',
  '12345678901234567890',
  '\ud83d\ude00',
  '&auth_key=x',
  '?',
  '#',
  ' ',
  '\t',
];

/** One place of a JSON value is another value, is missing, or is there twice. */
export function mutateJson(value: unknown, chance: SeededRandom): unknown {
  if (chance.is(0.25) || typeof value !== 'object' || value === null) return chance.pick(ODD_VALUES);
  if (Array.isArray(value)) {
    const copy: unknown[] = [...value];
    copy.splice(chance.below(copy.length + 1), chance.below(2), mutateJson(chance.pick(copy), chance));
    return copy;
  }
  const entries = Object.entries(value);
  const at = chance.below(entries.length);
  const [key, item] = entries[at] ?? ['data', {}];
  if (chance.is(0.1)) entries.splice(at, 1);
  else if (chance.is(0.1)) entries.push([chance.pick(ODD_KEYS) ?? '', item]);
  else entries[at] = [key, mutateJson(item, chance)];
  return Object.fromEntries(entries);
}

/** Some bytes of a text are others, are missing, come twice or have something odd between them. */
export function mutateBytes(bytes: Buffer, chance: SeededRandom): Buffer {
  const at = chance.below(bytes.length + 1);
  const end = Math.min(bytes.length, at + chance.below(40));
  switch (chance.weighed({ flip: 4, cut: 1, drop: 2, repeat: 2, insert: 4 })) {
    case 'flip': {
      const copy = Buffer.from(bytes);
      for (let count = 1 + chance.below(4); count > 0; count -= 1)
        copy[chance.below(copy.length)] = chance.below(256);
      return copy;
    }
    case 'cut':
      return bytes.subarray(0, at);
    case 'drop':
      return Buffer.concat([bytes.subarray(0, at), bytes.subarray(end)]);
    case 'repeat':
      return Buffer.concat([bytes.subarray(0, end), bytes.subarray(at)]);
    case 'insert':
      return Buffer.concat([
        bytes.subarray(0, at),
        Buffer.from(chance.pick(ODD_TEXTS) ?? ''),
        bytes.subarray(at),
      ]);
  }
}
