import { describe, expect, test } from 'vitest';
import { findingsOf, type ReceivedFrame } from '../../src/cutover/compare/compare-channel.ts';

const TIME = { fromMs: 0, untilMs: 60_000, settleMs: 3000 };

/** `name@ms` or `name=data@ms`, in order. */
const events = (text: string): ReceivedFrame[] =>
  text
    .split(' ')
    .filter((each) => each !== '')
    .map((each) => {
      const [what = '', ms = ''] = each.split('@');
      const [name = '', data = ''] = what.split('=');
      return { name, data, userId: undefined, atMs: Number(ms) };
    });

const find = (wavehall: string, upstream: string, time = TIME) =>
  findingsOf({ wavehall: events(wavehall), upstream: events(upstream) }, time);

const NOTHING = { wavehall: 0, upstream: 0 };
const CLEAN = { missing: NOTHING, doubled: NOTHING, different: 0, reordered: 0, crossed: 0, examples: [] };

describe('events of both sides', () => {
  test('11.16 are the same at any delay below the limit', () => {
    expect(find('a@0 b@100 c@200', 'a@20 b@2900 c@2950')).toMatchObject({
      ...CLEAN,
      same: 3,
      received: { wavehall: 3, upstream: 3 },
    });
  });

  test('11.16 show the delay of each side for events that the other delivered first', () => {
    const { behind } = find('a@0 b@100 c@230 d@340', 'a@20 b@140 c@200 d@300');
    expect(behind).toEqual({
      wavehall: { count: 2, p50Ms: 30, p99Ms: 40 },
      upstream: { count: 2, p50Ms: 20, p99Ms: 40 },
    });
    expect(find('', '').behind.wavehall).toEqual({ count: 0, p50Ms: null, p99Ms: null });
  });

  test('11.16 that are identical are paired one by one', () => {
    expect(find('a@0 a@10 a@20', 'a@5 a@15 a@25')).toMatchObject({ ...CLEAN, same: 3 });
  });
});

describe('faults', () => {
  test('11.16 an event that one side did not deliver is missing there', () => {
    expect(find('a@0 c@20', 'a@1 b@11 c@21')).toMatchObject({
      same: 2,
      missing: { wavehall: 1, upstream: 0 },
      examples: ['missing at Wavehall: b '],
    });
    expect(find('a@0 b@10 c@20', 'a@1 c@21')).toMatchObject({ missing: { wavehall: 0, upstream: 1 } });
  });

  test('11.16 an event that arrives after the wait is missing, and its late copy counts as another event', () => {
    expect(find('a@0', 'a@5000')).toMatchObject({ same: 0, missing: { wavehall: 1, upstream: 1 } });
  });

  test('11.16 a second copy of an event that both sides have is doubled', () => {
    expect(find('a@0 a@4 b@10', 'a@2 b@11')).toMatchObject({
      same: 2,
      missing: NOTHING,
      doubled: { wavehall: 1, upstream: 0 },
      examples: ['doubled at Wavehall: a '],
    });
    expect(find('a@0 b@10', 'a@2 b@11 b@500')).toMatchObject({ doubled: { wavehall: 0, upstream: 1 } });
  });

  test('11.16 an event with the same name and other data is different', () => {
    expect(find('a=1@0 b=2@10', 'a=1@1 b=3@11')).toMatchObject({
      same: 1,
      missing: NOTHING,
      different: 1,
      examples: ['different: b 2 / b 3'],
    });
  });

  test('11.16 the same event from another user is different', () => {
    const event = { name: 'client-a', data: '1', atMs: 5 };
    const found = findingsOf(
      { wavehall: [{ ...event, userId: '7' }], upstream: [{ ...event, userId: undefined }] },
      TIME,
    );
    expect(found).toMatchObject({ same: 0, different: 1 });
  });

  test('11.16 events of one publisher in another order are reordered', () => {
    expect(find('a@0 b@10 c@20 d@30', 'a@100 c@110 b@120 d@130')).toMatchObject({
      same: 4,
      reordered: 1,
      crossed: 0,
    });
    expect(find('d@100 c@110 b@120 a@130', 'a@0 b@10 c@20 d@30')).toMatchObject({ reordered: 3, crossed: 0 });
  });

  test('11.16 events that were published on both sides at the same time may cross', () => {
    expect(find('a@0 b@30', 'b@10 a@20')).toMatchObject({ same: 2, reordered: 0, crossed: 1 });
  });

  test('11.16 events that arrived in the same millisecond are in order', () => {
    expect(find('a@0 b@0 c@0', 'a@5 b@5 c@5')).toMatchObject(CLEAN);
  });

  test('11.16 reports the first examples only, each shortened', () => {
    const many = Array.from({ length: 50 }, (_, at) => `e=${'x'.repeat(200)}${at}@${at}`).join(' ');
    const { examples, missing } = find(many, '');
    expect(missing.upstream).toBe(50);
    expect(examples).toHaveLength(5);
    expect(examples[0]?.length).toBeLessThan(130);
  });
});

describe('the start and the end of the window', () => {
  const time = { fromMs: 1000, untilMs: 2000, settleMs: 500 };

  test('11.16 an event that arrived first outside the window is not judged', () => {
    expect(find('a@900 b@1500 c@2100', 'b@1510', time)).toMatchObject({ ...CLEAN, same: 1 });
  });

  test('11.16 an event that arrived first within the window is judged, also when its copy arrives after the end', () => {
    expect(find('a@1990', 'a@2400', time)).toMatchObject({ ...CLEAN, same: 1 });
    expect(find('a@1990', '', time)).toMatchObject({ missing: { wavehall: 0, upstream: 1 } });
  });

  test('11.16 a copy received before the window does not disturb the pairing of identical events', () => {
    const onWavehall = 't@970 t@1010 t@1210 t@1410';
    const onUpstream = 't@1000 t@1200 t@1400';
    const found = find(onWavehall, onUpstream, { fromMs: 995, untilMs: 2000, settleMs: 500 });
    expect(found).toMatchObject({ same: 3, missing: NOTHING, doubled: NOTHING });
    expect(found.behind.wavehall.p99Ms).toBe(10);
  });
});

test('11.16 100,000 events are compared within 10 seconds', () => {
  const event = (at: number, late: number): ReceivedFrame => ({
    name: 'e',
    data: String(at % 50_000),
    userId: undefined,
    atMs: at * 10 + late,
  });
  const all = Array.from({ length: 100_000 }, (_, at) => at);
  const beganMs = performance.now();
  const found = findingsOf(
    { wavehall: all.map((at) => event(at, 0)), upstream: all.slice(5000).map((at) => event(at, 7)) },
    { fromMs: 0, untilMs: 2_000_000, settleMs: 3000 },
  );
  expect(found).toMatchObject({ same: 95_000, missing: { wavehall: 0, upstream: 5000 }, reordered: 0 });
  expect(performance.now() - beganMs).toBeLessThan(10_000);
});
