import { expect, test } from 'vitest';
import {
  HISTORY_STEP_MS,
  HISTORY_STEPS,
  lastStepAt,
  TrafficHistory,
} from '../../src/core/traffic/history.ts';
import { mergeHistory, quantileMs } from '../../src/core/traffic/history-merge.ts';
import { MAX_COUNTED_APPS, Traffic } from '../../src/core/traffic/traffic.ts';
import { DURATION_BOUNDS_SECONDS } from '../../src/core/util/histogram.ts';

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
