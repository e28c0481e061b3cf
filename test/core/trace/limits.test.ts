/** Limits of what is kept and told, each at n and at n + 1. */
import { expect, test } from 'vitest';
import { MOST_REQUESTS } from '../../../src/core/trace/find-requests.ts';
import { readFound, readQuestion } from '../../../src/core/trace/read-facts.ts';
import { readOr } from '../../../src/core/util/readers.ts';
import { MOST_APPS, MOST_AGENT_CHARS, Trace } from '../../../src/core/trace/trace.ts';
import { MOST_PARTS } from '../../../src/core/trace/traced-request.ts';
import { openHttp } from '../../http/fixture.ts';
import { settled } from '../fakes.ts';

const SENDER = { app: 'a', source: 'http', address: '192.0.2.1', bodyBytes: 0 } as const;
const list = <T>(length: number, item: (at: number) => T): T[] => Array.from({ length }, (_, at) => item(at));
const openTrace = (): Trace =>
  new Trace({ bytes: 10_000_000, process: 'test0000', label: 'test/1', clock: () => 1000 });

function note(
  trace: Trace,
  channels: readonly string[],
  sender: Partial<typeof SENDER & { app: string }> = {},
) {
  const request = trace.begin({ ...SENDER, ...sender });
  if (request === undefined) throw new Error('nothing is kept');
  request.asks([{ name: 'e', channels }]);
  trace.end(request, { status: 200 });
  return request.id;
}

test.each([MOST_PARTS, MOST_PARTS + 1])('16.3 of %i events and channels, the first 20 are told', (count) => {
  const trace = openTrace();
  const id = note(
    trace,
    list(count, (at) => `c${at}`),
  );
  const [request] = trace.find({ id }).requests;
  expect([request?.parts.length, request?.partCount]).toEqual([MOST_PARTS, count]);
});

test.each([MOST_REQUESTS, MOST_REQUESTS + 1])(
  '16.3 of %i requests that fit, the newest 5 are told',
  (count) => {
    const trace = openTrace();
    const ids = list(count, () => note(trace, ['c']));
    expect(trace.find({ channel: 'c' }).requests.map(({ id }) => id)).toEqual(
      ids.slice(-MOST_REQUESTS).reverse(),
    );
  },
);

test.each([0, 1])('16.2 the time of the last publish is kept of 1000 apps, and of %i more', (more) => {
  const trace = openTrace();
  for (let app = 0; app < MOST_APPS + more; app += 1) note(trace, ['c'], { app: `${app}` } as object);
  expect(trace.find({ app: '0' }).publishedAtMs).toBe(more === 0 ? 1000 : undefined);
  expect(trace.find({ app: '1' }).publishedAtMs).toBe(1000);
});

test.each([MOST_AGENT_CHARS, MOST_AGENT_CHARS + 1])(
  '16.2 of the name of a library with %i characters, 100 are kept',
  (count) => {
    const trace = openTrace();
    note(trace, ['c'], { agent: 'a'.repeat(count) } as object);
    expect(trace.find({}).requests[0]?.agent).toBe('a'.repeat(100));
  },
);

test('16.4 an answer has 50 entries of each kind at most, a name 1024 characters, another text 256', () => {
  const found = { process: 'p', label: 'l', startedAtMs: 1, requests: [], publishedNear: [], refusals: [] };
  const near = { channel: 'c', atMs: 1 };
  expect(readOr(readFound, { ...found, publishedNear: list(50, () => near) })).toBeDefined();
  expect(readOr(readFound, { ...found, publishedNear: list(51, () => near) })).toBeUndefined();
  for (const [name, most] of [
    ['label', 1024],
    ['process', 256],
  ] as const) {
    expect(readOr(readFound, { ...found, [name]: 'x'.repeat(most) })).toBeDefined();
    expect(readOr(readFound, { ...found, [name]: 'x'.repeat(most + 1) })).toBeUndefined();
  }
});

test('16.4 a question has 50 events at most', () => {
  const asks = (count: number) => ({
    ...{ type: 'follow', app: 'a', source: 'publisher' },
    wanted: list(count, () => ({ channel: 'c', atMs: 1, untilMs: 2 })),
  });
  expect(readOr(readQuestion, asks(50))).toBeDefined();
  expect(readOr(readQuestion, asks(51))).toBeUndefined();
});

test.each([5, 6])('16.5 of %i near names, the 5 with the most subscribers are looked at', async (count) => {
  const http = await openHttp();
  for (let at = 1; at <= count; at += 1)
    for (let client = 0; client < at; client += 1) {
      (await http.connect()).subscribe(`orders.${'abcdef'.charAt(at - 1)}`);
      await settled();
    }
  const wanted = [{ channel: 'orders', atMs: 1, untilMs: 2 }];
  const question = { type: 'follow', app: 'app-id', source: 'publisher', wanted } as const;
  const [facts] = http.trace.follow(question, http.hub.scopes).channels;
  expect(facts?.near.map(({ subscribers }) => subscribers)).toEqual(list(5, (at) => count - at));
});
