/** Where a text stops to be JSON, as the event creator of the console says it. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { faultIn } from '../../console/events/json-place.ts';

const isJson = (text: string): boolean => {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
};

test.each([
  ['{"a":1,}', 1, 8, 'a name'],
  ['{"a" 1}', 1, 6, 'a colon'],
  ['{"a":1\n "b":2}', 2, 2, 'a comma, or }'],
  ["{'a':1}", 1, 2, 'a name in double quotes, or }'],
  ['[1,\n2,\n]', 3, 1, 'a value'],
  ['[1 2]', 1, 4, 'a comma, or ]'],
  ['{"a":"b\nc"}', 1, 8, 'the rest of this text'],
  ['"\\x"', 1, 2, 'the rest of this text'],
  ['{"a":01}', 1, 7, 'a comma, or }'],
  ['{} {}', 1, 4, 'the end'],
  ['', 1, 1, 'a value'],
  ['nul', 1, 1, 'a value'],
  ['[', 1, 2, 'a value, or ]'],
  ['{"a":', 1, 6, 'a value'],
])('17.11 of %j the fault is in line %d, column %d', (text, line, column, expected) => {
  const fault = faultIn(text);
  expect(fault).toMatchObject({ line, column });
  expect(fault?.expected).toContain(expected);
});

test('17.11 takes what JSON.parse takes, and nothing else', () => {
  const pieces = fc.array(
    fc.constantFrom(
      '{',
      '}',
      '[',
      ']',
      ',',
      ':',
      '"a"',
      '"',
      '\\',
      '1',
      '-0.5e3',
      '01',
      'true',
      'null',
      ' ',
      '\n',
      '\t',
    ),
    { maxLength: 12 },
  );
  fc.assert(
    fc.property(pieces, (all) => {
      const text = all.join('');
      expect([text, faultIn(text) === undefined]).toEqual([text, isJson(text)]);
    }),
    { numRuns: 3000 },
  );
  fc.assert(
    fc.property(fc.json({ maxDepth: 4 }), fc.nat(), fc.string({ maxLength: 2 }), (json, place, change) => {
      expect(faultIn(json)).toBeUndefined();
      const at = place % (json.length + 1);
      const changed = json.slice(0, at) + change + json.slice(at + 1);
      expect([changed, faultIn(changed) === undefined]).toEqual([changed, isJson(changed)]);
    }),
    { numRuns: 1000 },
  );
});

test('17.11 a nesting that no parser follows is a fault, not a crash', () => {
  expect(faultIn('['.repeat(100_000))).toMatchObject({ line: 1 });
});
