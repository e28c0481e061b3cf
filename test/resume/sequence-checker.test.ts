/** The checker of resumed sequences finds each kind of violation, and none where the promise is kept (SPEC 13). */
import { describe, expect, test } from 'vitest';
import { noCounts, type Promised, SequenceChecker, type SequenceCounts } from './sequence-checker.ts';

/** Time for which events are kept. */
const KEPT_MS = 1000;

/** Ten events were published; the fourth may have been refused. Those up to a number are no longer kept. */
const publishedWith = (lastExpired = 0) => ({
  isUncertain: (_: string, number: number) => number === 4,
  last: () => 10,
  ageMs: (_: string, number: number) => (number <= lastExpired ? KEPT_MS + 1 : KEPT_MS),
});
const published = publishedWith();

/** A step of a client: a number that arrives, an end of its connection, or a gap that it is told. */
type Step = number | 'cut' | 'unseen' | { readonly gap?: number };

interface Given {
  readonly lastExpired?: number;
  /** When the store was restarted; the steps are at 100, 200, … */
  readonly restartedAtMs?: number;
}

function countsOf(
  promised: Promised,
  steps: readonly Step[],
  { lastExpired, restartedAtMs = NaN }: Given = {},
): Partial<SequenceCounts> {
  const checker = new SequenceChecker({
    ...{ promised, channel: 'news', keptMs: KEPT_MS },
    published: publishedWith(lastExpired),
    wasRestarted: (sinceMs, untilMs) => restartedAtMs >= sinceMs && restartedAtMs <= untilMs,
  });
  let nowMs = 0;
  checker.subscribed();
  for (const step of steps) {
    nowMs += 100;
    if (typeof step === 'number') checker.received(step, nowMs);
    else if (typeof step === 'object') checker.told(step.gap);
    else {
      checker.cut(nowMs, step !== 'unseen');
      checker.subscribed();
    }
  }
  const none = noCounts();
  const all = Object.entries(checker.finish()) as [keyof SequenceCounts, number][];
  return Object.fromEntries(all.filter(([key, count]) => key !== 'received' && count !== none[key]));
}

const upTo = (last: number, from = 1): number[] =>
  Array.from({ length: last - from + 1 }, (_, at) => from + at);

test('13.5 an exact client may get the cached event of a channel again after a gap that it was told, and never without', () => {
  const doubledOn = (channel: string, isTold: boolean): number => {
    const checker = new SequenceChecker({ promised: 'exact', channel, published });
    checker.subscribed();
    for (const number of upTo(9)) checker.received(number, 0);
    checker.cut(0, true);
    checker.subscribed();
    if (isTold) checker.told(undefined);
    for (const number of [9, 10]) checker.received(number, 0);
    return checker.finish().doubled;
  };
  expect([doubledOn('cache-news', true), doubledOn('cache-news', false), doubledOn('news', true)]).toEqual([
    0, 1, 1,
  ]);
});

describe('an exact client', () => {
  const kept: readonly [string, readonly Step[], Partial<SequenceCounts>][] = [
    ['the sequence over several connections', [...upTo(3), 'cut', ...upTo(7, 4), 'cut', ...upTo(10, 8)], {}],
    ['without an event that may have been refused', [1, 2, 3, ...upTo(10, 5)], {}],
    ['with such an event late', [1, 2, 3, 5, 4, ...upTo(10, 6)], {}],
    // The fourth may have been refused, and does not count.
    ['a gap that is told', [1, 2, 3, 'cut', { gap: 3 }, ...upTo(10, 8)], { gaps: 1, missing: 3 }],
    ['a gap that is told where nothing is missing', [1, 2, 3, 'cut', {}, ...upTo(10, 4)], { gaps: 1 }],
  ];
  test.each(kept)('13.7 %s is no violation', (_, steps, counts) => {
    expect(countsOf('exact', steps)).toEqual(counts);
  });

  const broken: readonly [string, readonly Step[], Partial<SequenceCounts>][] = [
    ['an event that is dropped', [1, 2, 3, 5, 7, ...upTo(10, 8)], { lost: 1, holes: 1 }],
    ['events that are dropped at a return', [1, 2, 3, 'cut', 7, 8, 9, 10], { lost: 2, holes: 1 }],
    ['the last events', upTo(7), { lost: 3, holes: 1 }],
    ['an event that comes twice', [1, 2, 3, 3, ...upTo(10, 4)], { doubled: 1 }],
    ['an event that comes again after a return', [1, 2, 3, 'cut', 3, ...upTo(10, 4)], { doubled: 1 }],
    ['an event that comes late', [1, 3, 2, ...upTo(10, 4)], { reordered: 1 }],
    [
      'a hole after a told gap',
      [1, 'cut', { gap: 1 }, 3, 7, 8, 9, 10],
      { lost: 2, holes: 1, gaps: 1, missing: 1 },
    ],
    [
      'a gap with a wrong number',
      [1, 'cut', { gap: 2 }, ...upTo(10, 3)],
      { gaps: 1, missing: 1, wrongGaps: 1 },
    ],
  ];
  test.each(broken)('13.7 %s is found', (_, steps, counts) => {
    expect(countsOf('exact', steps)).toEqual(counts);
  });
});

describe('a tab', () => {
  const again = [...upTo(6), 'cut', ...upTo(10, 5)] as const;
  test('13.3 events that come again after a return are counted with their age at the cut', () => {
    expect(countsOf('tab', again)).toEqual({ repeated: 2, repeatedAgeMs: 200 });
    const unseen = again.map((step) => (step === 'cut' ? 'unseen' : step));
    expect(countsOf('tab', unseen)).toEqual({ repeated: 2, repeatedUnseenAgeMs: 200 });
  });

  const broken: readonly [string, readonly Step[], Partial<SequenceCounts>][] = [
    ['an event that is dropped at a return', [1, 2, 3, 'cut', 6, ...upTo(10, 7)], { lost: 1, holes: 1 }],
    [
      'an event that comes twice on one connection',
      [1, 2, 3, 3, ...upTo(10, 4)],
      { doubled: 1, repeated: 1 },
    ],
    ['an event that comes late', [1, 3, 2, ...upTo(10, 4)], { reordered: 1, repeated: 1 }],
  ];
  test.each(broken)('13.5 %s is found', (_, steps, counts) => {
    expect(countsOf('tab', steps)).toMatchObject(counts);
  });

  test('13.6 lost events around one that may have been refused are one hole', () => {
    expect(countsOf('tab', [1, 2, 'cut', ...upTo(10, 6)])).toEqual({ lost: 2, holes: 1 });
    expect(countsOf('tab', [1, 'cut', 3, 'cut', 6, ...upTo(10, 7)])).toEqual({ lost: 2, holes: 2 });
  });

  test('13.6 what is no longer kept when it returns is counted apart', () => {
    expect(countsOf('tab', [1, 'cut', ...upTo(10, 8)], { lastExpired: 7 })).toEqual({
      missing: 5,
      untold: 1,
    });
    expect(countsOf('tab', [1, 'cut', ...upTo(10, 8)], { lastExpired: 6 })).toEqual({
      ...{ missing: 4, untold: 1, lost: 1, holes: 1 },
    });
    expect(countsOf('tab', [1, 2, 3, 'cut', ...upTo(10, 5)], { lastExpired: 7 })).toEqual({});
    expect(countsOf('tab', [1, 'cut', 8, 10], { lastExpired: 9 })).toEqual({
      missing: 5,
      untold: 1,
      lost: 1,
      holes: 1,
    });
  });

  test('13.6 the same for events that were on their way when its connection was cut again', () => {
    expect(countsOf('tab', [1, 'cut', 2, 'cut', ...upTo(10, 8)], { lastExpired: 7 })).toEqual({
      missing: 4,
      untold: 1,
    });
  });

  test('13.6 what a restart of the store lost while it was away is counted apart, and nothing else', () => {
    const steps = [1, 'cut', 5, 7, ...upTo(10, 8)] as const;
    expect(countsOf('tab', steps, { restartedAtMs: 250 })).toEqual({
      ...{ missing: 2, untold: 1, lost: 1, holes: 1 },
    });
    expect(countsOf('tab', steps, { restartedAtMs: 150 })).toEqual({ lost: 3, holes: 2 });
    expect(countsOf('exact', steps, { restartedAtMs: 250 })).toEqual({ lost: 3, holes: 2 });
  });
});
