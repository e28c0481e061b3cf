import { describe, expect, test } from 'vitest';
import { readOr } from '../../src/core/util/readers.ts';
import {
  HISTORY_COUNTS,
  HISTORY_STEP_MS,
  HISTORY_STEPS,
  LATENCY_COUNTS,
  lastStepAt,
  TrafficHistory,
} from '../../src/core/traffic/history.ts';
import { mergeHistory, nodeRows, quantileMs } from '../../src/core/traffic/history-merge.ts';
import {
  type HistoryAnswer,
  readHistoryAnswer,
  readHistoryQuestion,
} from '../../src/core/traffic/history-question.ts';
import { MAX_COUNTED_APPS, Traffic } from '../../src/core/traffic/traffic.ts';
import { DURATION_BOUNDS_SECONDS } from '../../src/core/util/histogram.ts';
import { LONGEST_ANSWER_BYTES } from '../../src/stores/redis/node/questions/question-message.ts';

/** Long after 1970, as every clock is. */
const FIRST = 100_000;

/** A history whose clock stands still until the test measures a step. */
function opened() {
  const traffic = new Traffic();
  let nowMs = 0;
  const sample = { loopDelayMs: 3, memoryBytes: 1000 };
  const history = new TrafficHistory({
    traffic,
    measure: () => sample,
    clock: () => nowMs,
    isOpen: () => true,
  });
  /** Measures a moment after the end of a step. */
  const end = (step: number) => {
    nowMs = (step + 1) * HISTORY_STEP_MS + 3;
    history.measure();
  };
  const merged = (from: number, to: number, app?: string) =>
    mergeHistory([history.read({ from, to, app })], from, to - from + 1);
  return { traffic, history, end, merged };
}

test('17.4 a step has what happened in it, and the connections at its end', () => {
  const { traffic, end, merged } = opened();
  const shop = traffic.of('shop');
  shop.connections.add('websocket', 10);
  shop.published.add('http', 5);
  shop.published.add('client', 2);
  shop.deliveries += 70;
  end(FIRST);
  shop.connections.add('websocket', -4);
  shop.published.add('http');
  shop.refused.add('4001');
  shop.subscriptionsRefused.add('channel_signature', 2);
  shop.apiOverRate += 3;
  end(FIRST + 1);
  const { counts, apps, fromMs, stepMs, points } = merged(FIRST, FIRST + 1, 'shop');
  expect({ fromMs, stepMs, points }).toEqual({ fromMs: FIRST * HISTORY_STEP_MS, stepMs: 10_000, points: 2 });
  expect(apps).toEqual(['shop']);
  expect(counts).toEqual({ connections: [10, 6], messages: [7, 1], deliveries: [70, 0], errors: [0, 6] });
  traffic.of('second').deliveries += 5;
  end(FIRST + 2);
  traffic.of('second').deliveries += 5;
  shop.deliveries += 2;
  end(FIRST + 3);
  expect(merged(FIRST + 3, FIRST + 3).counts.deliveries).toEqual([7]);
  expect(merged(FIRST + 3, FIRST + 3, 'second').counts.deliveries).toEqual([5]);
  expect(merged(FIRST + 3, FIRST + 3, 'unknown').counts.deliveries).toEqual([0]);
});

test('17.4 a step that was not measured is null, and one that has been overwritten too', () => {
  const { traffic, end, merged } = opened();
  traffic.of('shop').deliveries = 1;
  end(FIRST);
  end(FIRST + 2);
  expect(merged(FIRST - 1, FIRST + 2)).toMatchObject({
    loopDelayMs: [null, 3, null, 3],
    memoryBytes: [null, 1000, null, 1000],
    counts: { deliveries: [null, 1, null, 0] },
  });
  end(FIRST + HISTORY_STEPS);
  expect(merged(FIRST, FIRST).loopDelayMs).toEqual([null]);
});

test(`17.6 keeps ${HISTORY_STEPS} steps, and forgets the first of one more`, () => {
  const { end, merged } = opened();
  for (let step = 0; step < HISTORY_STEPS; step += 1) end(FIRST + step);
  expect(merged(FIRST, FIRST + HISTORY_STEPS - 1).loopDelayMs).toEqual(Array(HISTORY_STEPS).fill(3));
  end(FIRST + HISTORY_STEPS);
  expect(merged(FIRST, FIRST + 1).loopDelayMs).toEqual([null, 3]);
});

test(`17.6 has ${MAX_COUNTED_APPS} apps by their names, and all others as one`, () => {
  const { traffic, end, merged } = opened();
  for (let app = 0; app < MAX_COUNTED_APPS; app += 1) traffic.of(`a${app}`).deliveries = 1;
  end(FIRST);
  expect(merged(FIRST, FIRST).apps).toHaveLength(MAX_COUNTED_APPS);
  traffic.of('one more').deliveries += 1;
  traffic.of('two more').deliveries += 1;
  end(FIRST + 1);
  const { apps, counts } = merged(FIRST + 1, FIRST + 1, 'other');
  expect(apps).toHaveLength(MAX_COUNTED_APPS + 1);
  expect(counts.deliveries).toEqual([2]);
});

test('17.4 an app without any traffic takes no room', () => {
  const { traffic, end, merged } = opened();
  traffic.of('idle');
  end(FIRST);
  expect(merged(FIRST, FIRST).apps).toEqual([]);
});

test('17.4 processes are merged: sums, the slowest loop, one latency of all', () => {
  const part = (loopDelayMs: number, fast: number, slow: number, measured = 1) => ({
    measured: [measured],
    loopDelayMs: [loopDelayMs],
    memoryBytes: [100 * measured],
    latency: DURATION_BOUNDS_SECONDS.concat(0).map((_, at) => [fast, slow][at] ?? 0),
    counts: [1, 2, 3, 4].map((count) => count * measured),
    apps: ['shop'],
  });
  expect(mergeHistory([part(5, 98, 0), part(9, 0, 2), part(0, 0, 0, 0)], FIRST, 1)).toMatchObject({
    loopDelayMs: [9],
    memoryBytes: [200],
    p50Ms: [0.5],
    p99Ms: [1],
    apps: ['shop'],
    counts: { connections: [2], messages: [4], deliveries: [6], errors: [8] },
  });
  expect(mergeHistory([], FIRST, 2)).toMatchObject({ loopDelayMs: [null, null], apps: [] });
});

test('17.4 latency is the bound below which the part of the deliveries is', () => {
  const counts = DURATION_BOUNDS_SECONDS.map(() => 0).concat(0);
  expect(quantileMs(counts, 0.5)).toBeNull();
  counts[3] = 99;
  counts[13] = 1;
  expect([quantileMs(counts, 0.5), quantileMs(counts, 0.99), quantileMs(counts, 1)]).toEqual([5, 5, 10_000]);
});

test('17.4 the step that runs is not the last one', () => {
  expect([lastStepAt(20_000), lastStepAt(29_999), lastStepAt(30_000)]).toEqual([1, 1, 2]);
});

describe('the steps of another process', () => {
  /** More than a process can have in ten seconds. */
  const busy = (): HistoryAnswer => {
    const column = (value: number, width = 1) => Array<number>(HISTORY_STEPS * width).fill(value);
    const part = {
      measured: column(1),
      loopDelayMs: column(10_000),
      memoryBytes: column(64_000_000_000),
      latency: column(99_999_999, LATENCY_COUNTS),
      counts: column(999_999_999, HISTORY_COUNTS.length),
      apps: Array.from({ length: MAX_COUNTED_APPS + 2 }, (_, app) => `app-${app}-${'x'.repeat(30)}`),
    };
    return { process: 'p', node: 'n'.repeat(20), host: 'h'.repeat(64), pid: 4_000_000, part };
  };

  test('17.15 fit into one answer, however busy it is', () => {
    const sent = JSON.stringify(busy());
    expect(sent.length).toBeLessThan(LONGEST_ANSWER_BYTES - 1000);
    expect(readHistoryAnswer(JSON.parse(sent))).toEqual(busy());
  });

  test('17.15 are asked for in a question of at most the steps that are kept', () => {
    const asked = (steps: number) => ({ type: 'history', from: FIRST, to: FIRST + steps - 1 });
    expect(readHistoryQuestion(asked(HISTORY_STEPS))).toMatchObject({ from: FIRST });
    expect(readOr(readHistoryQuestion, asked(HISTORY_STEPS + 1))).toBeUndefined();
    for (const other of [
      null,
      {},
      { ...asked(1), type: 'find' },
      { ...asked(1), from: -1 },
      { ...asked(1), to: 0.5 },
    ])
      expect(readOr(readHistoryQuestion, other)).toBeUndefined();
  });

  test('17.15 are not used if they are not numbers or more than are kept', () => {
    const { part, ...name } = busy();
    for (const spoiled of [
      { measured: [...(part?.measured ?? []), 1] },
      { counts: [-1] },
      { latency: ['1'] },
      { memoryBytes: [1e400] },
      { apps: Array(MAX_COUNTED_APPS + 3).fill('app') },
      { loopDelayMs: {} },
    ])
      expect(readOr(readHistoryAnswer, { ...name, part: { ...part, ...spoiled } })).toBeUndefined();
  });

  test('17.15 make a row, which is empty for a process that did not measure', () => {
    const { history, traffic, end } = opened();
    traffic.of('shop').deliveries += 70;
    end(FIRST);
    const named = (host: string, pid: number) => ({ process: `${host}${pid}`, host, pid });
    const rows = nodeRows(
      [
        { ...named('web-2', 1), part: history.read({ from: FIRST, to: FIRST }) },
        { ...named('web-1', 9), part: history.read({ from: FIRST + 1, to: FIRST + 1 }) },
        named('web-1', 8),
      ],
      FIRST,
    );
    expect(
      rows.map(({ host, pid, figures }) => [host, pid, figures.deliveries, figures.memoryBytes]),
    ).toEqual([
      ['web-1', 8, null, null],
      ['web-1', 9, null, null],
      ['web-2', 1, 70, 1000],
    ]);
  });
});
