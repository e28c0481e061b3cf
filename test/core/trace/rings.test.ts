import { describe, expect, test } from 'vitest';
import { ByteRing } from '../../../src/core/trace/byte-ring.ts';
import { copiedText, RepeatedText } from '../../../src/core/trace/copied-text.ts';
import { DeliveryRing } from '../../../src/core/trace/delivery-ring.ts';
import { fingerprintOf, fingerprintOfMark, markOf } from '../../../src/core/trace/fingerprint.ts';
import {
  MOST_KNOWN,
  MOST_UNKNOWN,
  PAUSE_MS,
  RecentRefusals,
} from '../../../src/core/trace/recent-refusals.ts';
import { Vacancies } from '../../../src/core/trace/vacancies.ts';
import { Trace } from '../../../src/core/trace/trace.ts';

const COUNTS = { subscribers: 3, sockets: 1, excluded: 1, slow: 1, closing: 0, subscribing: 2 };
const REF = { app: 'a', channel: 'orders' };
const frame = (text: string): string => `{"event":"e","data":"${text}","channel":"orders"}`;

describe('the ring of requests', () => {
  test('16.2 keeps n bytes, and of n + 1 the newest entry', () => {
    const ring = new ByteRing<string>(100);
    ring.push('a', 60);
    ring.push('b', 40);
    expect([[...ring.newestFirst()], ring.bytes]).toEqual([['b', 'a'], 100]);
    ring.push('c', 1);
    expect([[...ring.newestFirst()], ring.bytes, ring.oldest]).toEqual([['c', 'b'], 41, 'b']);
  });

  test('16.2 an entry of n bytes is kept, and one of n + 1 pushes nothing out', () => {
    const ring = new ByteRing<string>(100);
    ring.push('a', 100);
    ring.push('b', 101);
    expect([...ring.newestFirst()]).toEqual(['a']);
  });

  test('16.2 goes on for ever', () => {
    const ring = new ByteRing<number>(30);
    for (let entry = 0; entry < 10_000; entry += 1) ring.push(entry, 10);
    expect([...ring.newestFirst()]).toEqual([9999, 9998, 9997]);
  });
});

describe('the ring of deliveries', () => {
  test('16.2 gives back the numbers of a delivery, of its app and channel alone', () => {
    const ring = new DeliveryRing(10_000);
    ring.add(REF, frame('1'), 1000, COUNTS);
    ring.add({ app: 'b', channel: 'orders' }, frame('1'), 1001, COUNTS);
    ring.add({ app: 'a', channel: 'other' }, frame('1'), 1002, COUNTS);
    ring.add(REF, frame('2'), 1003, { ...COUNTS, sockets: 7, offset: 2 ** 40 });
    expect([...ring.of(REF)]).toEqual([
      { ...REF, ...COUNTS, fingerprint: fingerprintOf(frame('2')), atMs: 1003, sockets: 7, offset: 2 ** 40 },
      { ...REF, ...COUNTS, fingerprint: fingerprintOf(frame('1')), atMs: 1000 },
    ]);
  });

  test('16.2 keeps one delivery for each 256 bytes, and says since when all are kept', () => {
    const ring = new DeliveryRing(1024);
    expect(ring.keptSinceMs).toBeUndefined();
    for (let at = 1; at <= 4; at += 1) ring.add(REF, frame(`${at}`), at, COUNTS);
    expect([[...ring.of(REF)].map(({ atMs }) => atMs), ring.keptSinceMs]).toEqual([[4, 3, 2, 1], undefined]);
    ring.add(REF, frame('5'), 5, COUNTS);
    expect([[...ring.of(REF)].map(({ atMs }) => atMs), ring.keptSinceMs]).toEqual([[5, 4, 3, 2], 2]);
  });

  test('16.2 never holds more bytes than it may, whatever is delivered', () => {
    for (const most of [0, 1, 255, 256, 300, 5000, 65_536]) {
      const ring = new DeliveryRing(most);
      for (let at = 0; at < 2000; at += 1) {
        const length = (at * 7919) % 3000;
        ring.add({ app: 'a', channel: 'c'.repeat(at % 1025) }, frame('\u{1F600}'.repeat(length)), at, COUNTS);
        expect(ring.bytes).toBeLessThanOrEqual(most);
      }
    }
  });
});

describe('channels that became empty', () => {
  const bytesOf = ({ app, channel }: typeof REF): number => 120 + 2 * (app.length + channel.length);

  test('16.2 are found by the time until which they are asked for', () => {
    const vacancies = new Vacancies(10_000);
    vacancies.add(REF, 1000);
    vacancies.add({ app: 'b', channel: 'orders' }, 1500);
    vacancies.add(REF, 2000);
    expect([999, 1000, 1999, 2000, 9000].map((untilMs) => vacancies.before(REF, untilMs))).toEqual([
      ...[undefined, 1000, 1000, 2000, 2000],
    ]);
    expect(vacancies.before({ app: 'a', channel: 'other' }, 9000)).toBeUndefined();
  });

  test('16.2 are kept within n bytes, and of n + 1 the newest', () => {
    const vacancies = new Vacancies(2 * bytesOf(REF));
    for (const atMs of [1, 2]) vacancies.add(REF, atMs);
    expect([vacancies.before(REF, 1), vacancies.bytes]).toEqual([1, 2 * bytesOf(REF)]);
    vacancies.add(REF, 3);
    expect([vacancies.before(REF, 1), vacancies.before(REF, 2)]).toEqual([undefined, 2]);
  });
});

describe('the fingerprint of a frame', () => {
  test('16.3 is equal for equal frames, short and long, and differs with their text', () => {
    for (const length of [0, 1, 400, 600, 5000, 100_000]) {
      const one = frame('x'.repeat(length));
      expect(fingerprintOfMark(markOf(one))).toBe(fingerprintOf(one));
      expect(fingerprintOf(frame(`${'x'.repeat(length)}y`))).not.toBe(fingerprintOf(one));
    }
    expect(fingerprintOf(frame('1'))).not.toBe(fingerprintOf(frame('2')));
    const long = (id: string): string => frame(`${id}${'x'.repeat(100_000)}`);
    expect(fingerprintOf(long('1'))).not.toBe(fingerprintOf(long('2')));
    expect(markOf(frame('x'.repeat(100_000))).length).toBeLessThan(30);
  });
});

describe('copies', () => {
  test('16.2 of a text are cut at n characters, and a repeated text is one object', () => {
    expect([copiedText('abc', 3), copiedText('abcd', 3), copiedText('\ud800é', 5)]).toEqual([
      'abc',
      'abc',
      '\ud800é',
    ]);
    const repeated = new RepeatedText(3);
    expect(['abc', 'abc', 'abcd', 'abd', 'abc', ''].map((text) => repeated.copy(text))).toEqual([
      ...['abc', 'abc', 'abc', 'abd', 'abc', ''],
    ]);
  });
});

describe('refusals', () => {
  const clock = { nowMs: 1_000_000 };
  const recent = () => new RecentRefusals(() => clock.nowMs);

  test('16.2 are counted by reason and app until there was none for 15 minutes', () => {
    const refusals = recent();
    const note = () => refusals.note('origin', { app: 'a', origin: 'https://x.test' });
    note();
    clock.nowMs += PAUSE_MS;
    note();
    expect(refusals.of('a', 10)).toMatchObject([
      { count: 2, sinceMs: clock.nowMs - PAUSE_MS, lastMs: clock.nowMs },
    ]);
    clock.nowMs += PAUSE_MS + 1;
    expect(refusals.of('a', 10)).toEqual([]);
    note();
    expect(refusals.of('a', 10)).toMatchObject([{ count: 1, sinceMs: clock.nowMs }]);
    expect(refusals.of('b', 10)).toEqual([]);
  });

  test(`16.2 of ${MOST_KNOWN} apps are kept, and invented ones push none of them out`, () => {
    const refusals = recent();
    for (let app = 0; app <= MOST_KNOWN; app += 1) {
      refusals.note('origin', { app: `app-${app}` });
      refusals.note('http_size', { app: `app-${app}`, method: 'POST', path: '/apps/a/events' });
    }
    for (let key = 0; key <= MOST_UNKNOWN; key += 1) refusals.note('unknown_app', { key: `key-${key}` });
    for (let id = 0; id < 1000; id += 1)
      refusals.note('http_unknown_app', { app: `id-${id}`, method: 'POST', path: '/apps/x/events' });
    const all = refusals.of(undefined, 10_000);
    const countOf = (wanted: string) => all.filter(({ reason }) => reason === wanted).length;
    expect([countOf('origin'), countOf('http_size')]).toEqual([MOST_KNOWN, MOST_KNOWN]);
    expect(all).toHaveLength(2 * MOST_KNOWN + MOST_UNKNOWN);
    expect(refusals.of(undefined)).toHaveLength(30);
    expect(refusals.of('app-500').map(({ reason }) => reason)).toEqual([
      ...['http_size', 'origin'],
      ...Array.from({ length: 10 }, () => 'http_unknown_app'),
    ]);
  });

  test('16.2 of requests that publish nothing, and of other reasons, are not counted', () => {
    const refusals = recent();
    refusals.note('http_signature', { app: 'a', method: 'GET', path: '/apps/a/channels' });
    refusals.note('http_signature', { app: 'a', method: 'GET', path: '/apps/a/channels/x/events' });
    refusals.note('upgrade', { address: '192.0.2.1' });
    expect(refusals.of(undefined, 10)).toEqual([]);
  });
});

test('16.2 all rings together hold no more than WAVEHALL_TRACE_BYTES, whatever publishers and clients send', () => {
  const bytes = 200_000;
  const trace = new Trace({ bytes, process: 'test0000', label: 'test/1', clock: Date.now });
  for (let at = 0; at < 3000; at += 1) {
    const long = 'é'.repeat((at * 613) % 4000);
    const sender = { app: 'a', address: long, agent: long, bodyBytes: 0 };
    const request = trace.begin({ ...sender, source: at % 3 === 0 ? 'client' : 'http' });
    request?.asks([{ name: long, channels: Array.from({ length: at % 100 }, () => `c${at}`), except: long }]);
    request?.published(0, 'c', frame(long));
    if (request !== undefined) trace.end(request, { status: 200, answer: long });
    const batch = { size: 1, sharedBy: 1, closing: 0, own: undefined };
    const channel = { ref: { app: 'a', channel: `c${at}` }, live: [], waiting: [] };
    trace.delivered(channel, { ...batch, event: () => ({ payload: frame(long), bestEffort: at % 2 === 0 }) });
    trace.vacated({ app: 'a', channel: long });
    expect(trace.bytes).toBeLessThanOrEqual(bytes);
  }
  expect(trace.bytes).toBeGreaterThan(bytes / 2);
});
