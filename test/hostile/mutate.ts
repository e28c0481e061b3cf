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

/** Texts to insert into another. */
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

/** Replaces, removes or duplicates one part of a JSON value. */
export function mutateJson(value: unknown, random: SeededRandom): unknown {
  if (random.is(0.25) || typeof value !== 'object' || value === null) return random.pick(ODD_VALUES);
  if (Array.isArray(value)) {
    const copy: unknown[] = [...value];
    copy.splice(random.below(copy.length + 1), random.below(2), mutateJson(random.pick(copy), random));
    return copy;
  }
  const entries = Object.entries(value);
  const at = random.below(entries.length);
  const [key, item] = entries[at] ?? ['data', {}];
  if (random.is(0.1)) entries.splice(at, 1);
  else if (random.is(0.1)) entries.push([random.pick(ODD_KEYS) ?? '', item]);
  else entries[at] = [key, mutateJson(item, random)];
  return Object.fromEntries(entries);
}

/** Changes, removes, repeats or inserts bytes of a text. */
export function mutateBytes(bytes: Buffer, random: SeededRandom): Buffer {
  const at = random.below(bytes.length + 1);
  const end = Math.min(bytes.length, at + random.below(40));
  switch (random.pickWeighted({ flip: 4, cut: 1, drop: 2, repeat: 2, insert: 4 })) {
    case 'flip': {
      const copy = Buffer.from(bytes);
      for (let count = 1 + random.below(4); count > 0; count -= 1)
        copy[random.below(copy.length)] = random.below(256);
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
        Buffer.from(random.pick(ODD_TEXTS) ?? ''),
        bytes.subarray(at),
      ]);
  }
}
