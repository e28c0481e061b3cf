import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { rosterIn } from '../../../src/cutover/bridge/connection/member-frames.ts';
import { echoKey } from '../../../src/cutover/bridge/echo/echo-key.ts';
import { readServerFrame, jsonTextOf } from '../../../src/cutover/client/read-frame.ts';

const jsonObject = fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 3 }));

/** A decoded value as PHP returns it: an empty object and one that counts from 0 become lists. */
function asPhp(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).map(([name, each]) => [name, asPhp(each)] as const);
  const isList = entries.every(([name], at) => name === String(at));
  return isList ? entries.map(([, each]) => each) : Object.fromEntries(entries);
}

describe('frames of the upstream', () => {
  test('11.8 a client event that PHP has decoded and encoded again has the same key', () => {
    fc.assert(
      fc.property(jsonObject, (data) => {
        expect(echoKey('client-x', asPhp(data))).toBe(echoKey('client-x', data));
        expect(echoKey('client-x', asPhp(data))).toBe(echoKey('client-x', JSON.stringify(data)));
      }),
    );
  });

  test('11.8 different names or data have different keys; data of events is compared as it is', () => {
    const keys = [
      echoKey('a', 'x'),
      echoKey('a', 'y'),
      echoKey('b', 'x'),
      echoKey('ax', ''),
      echoKey('a', '{}'),
      echoKey('a', '[]'),
      echoKey('client-a', { a: 1 }),
      echoKey('client-a', { a: '1' }),
      echoKey('client-a', [[]]),
      echoKey('client-a', []),
      echoKey('client-a', null),
      echoKey('client-a', 0),
    ];
    expect(new Set(keys).size).toBe(keys.length);
    expect(echoKey('client-a', {})).toBe(echoKey('client-a', []));
  });

  test('11.6 reading a frame never throws, for any input', () => {
    const deep = `${'['.repeat(100_000)}${']'.repeat(100_000)}`;
    for (const text of [
      '',
      'x',
      '[]',
      'null',
      '{"event":1}',
      '{"__proto__":{"event":"x"}}',
      `{"event":${deep}}`,
    ])
      expect(readServerFrame(text)).toBeUndefined();
    const frame = readServerFrame(`{"event":"e","data":${deep},"channel":7,"user_id":{}}`);
    expect(frame).toMatchObject({ channel: undefined, userId: undefined });
    expect(jsonTextOf(frame?.data)).toBeUndefined();
    expect(typeof echoKey('client-e', frame?.data)).toBe('string');
    fc.assert(
      fc.property(fc.json(), fc.jsonValue(), (text, data) => {
        readServerFrame(text);
        rosterIn(text);
        for (const each of [data, { presence: data }, { presence: { ids: data, hash: data } }])
          rosterIn(JSON.stringify(each));
      }),
    );
  });

  test('11.10 numbers beyond 2^53 keep their digits: in ids, user_info and data', () => {
    const [one, two] = ['7212345678901234567', '7212345678901234568'];
    const json = `{"presence":{"ids":[${one},${two}],"hash":{"${one}":{"n":${two}},"${two}":{}}}}`;
    expect(rosterIn(json).map(({ id, infoJson }) => [id, infoJson])).toEqual([
      [one, `{"n":${two}}`],
      [two, '{}'],
    ]);
    const frame = readServerFrame(`{"event":"client-x","data":{"n":${one}},"user_id":${two}}`);
    expect(frame).toMatchObject({ dataJson: `{"n":${one}}`, userId: two });
  });

  test('11.10 reads a roster in the form of every server', () => {
    const members = (presence: unknown) =>
      rosterIn(JSON.stringify({ presence })).map(({ id, infoJson }) => [id, infoJson]);
    expect(members({ count: 2, ids: ['0', 1], hash: [{ n: 'zero' }, { n: 'one' }] })).toEqual([
      ['0', '{"n":"zero"}'],
      ['1', '{"n":"one"}'],
    ]);
    expect(members({ count: 1, ids: ['7'], hash: { 7: null } })).toEqual([['7', undefined]]);
    expect(members({ count: 0, ids: [], hash: [] })).toEqual([]);
    expect(members({ ids: ['__proto__', {}, null, ''], hash: {} })).toEqual([['__proto__', undefined]]);
  });
});
