import { describe, expect, test } from 'vitest';
import { readFollowed, readFound, readQuestion } from '../../../src/core/trace/read-facts.ts';
import { type Reader, readOr } from '../../../src/core/util/readers.ts';
import { openHttp, EVENT } from '../../http/fixture.ts';
import { settled } from '../fakes.ts';

/** The answers of a process with an event, a delivery and a refusal, as JSON. */
async function answers() {
  const http = await openHttp();
  const client = await http.connect();
  client.subscribe('orders');
  await settled();
  await http.post('/events', EVENT);
  await http.post('/events', EVENT, { ageSeconds: 700 });
  await settled();
  const found = http.trace.find({ channel: 'orders' });
  const [part] = found.requests[0]?.parts ?? [];
  const atMs = found.requests[0]?.atMs ?? 0;
  const wanted = [{ channel: 'orders', fingerprint: part?.fingerprint, atMs, untilMs: atMs + 1000 }];
  const question = { type: 'follow', app: 'app-id', source: 'publisher', wanted } as const;
  const followed = http.trace.follow(question, http.hub.scopes);
  const sent = (value: object): Record<string, unknown> => JSON.parse(JSON.stringify(value)) as never;
  return { found: sent(found), followed: sent(followed), question: sent(question) };
}

/** Copies with one field of any depth replaced. */
function* spoiled(value: unknown, by: unknown): Generator {
  if (typeof value !== 'object' || value === null) return;
  for (const name of Object.keys(value)) {
    const fields = value as Record<string, unknown>;
    yield Array.isArray(value)
      ? value.map((each: unknown, at) => (`${at}` === name ? by : each))
      : { ...fields, [name]: by };
    for (const inner of spoiled(fields[name], by))
      yield Array.isArray(value)
        ? value.map((each: unknown, at) => (`${at}` === name ? inner : each))
        : { ...fields, [name]: inner };
  }
}

const HOSTILE = [null, true, -1, 1.5, {}, [], 'x'.repeat(300_000), [[]], Array(1000).fill({})];

describe('an answer of another node', () => {
  test('16.4 is read as it was sent; fields of newer versions are left out', async () => {
    const { found, followed, question } = await answers();
    expect(JSON.parse(JSON.stringify(readFound({ ...found, newer: 1 })))).toEqual(found);
    expect(JSON.parse(JSON.stringify(readFollowed({ ...followed, newer: 1 })))).toEqual(followed);
    expect(JSON.parse(JSON.stringify(readQuestion({ ...question, newer: 1 })))).toEqual(question);
  });

  test('16.4 in which any value is of another form is not used, or has the right form', async () => {
    const { found, followed, question } = await answers();
    let refused = 0;
    for (const [reader, value] of [
      [readFound, found],
      [readFollowed, followed],
      [readQuestion, question],
    ] as const)
      for (const by of HOSTILE)
        for (const each of spoiled(value, by)) {
          const read = readOr(reader as Reader<object>, each);
          if (read === undefined) refused += 1;
          else expect(JSON.stringify(read).length).toBeLessThan(10_000);
        }
    expect(refused).toBeGreaterThan(300);
  });

  test('16.4 that is no object is not used', () => {
    for (const value of [
      undefined,
      null,
      1,
      'text',
      [],
      [{}],
      { type: 'follow' },
      { type: 'find' },
      { type: 'x' },
    ])
      for (const reader of [readFound, readFollowed, readQuestion])
        expect(readOr(reader as Reader<object>, value)).toBeUndefined();
  });

  test('16.4 cannot set a prototype', async () => {
    const { found } = await answers();
    const text = JSON.stringify(found).replace('{', '{"__proto__":{"polluted":1},');
    const read = readFound(JSON.parse(text)) as object as Record<string, unknown>;
    expect(read.polluted).toBeUndefined();
    expect(
      readOr(readFound, {
        ...found,
        refusals: [{ ...example(found), example: JSON.parse('{"__proto__":{"a":1}}') }],
      }),
    ).toBeUndefined();
  });
});

const example = ({ refusals }: Record<string, unknown>): object => (refusals as object[])[0] ?? {};
