import { describe, expect, test } from 'vitest';
import { HeapGuard } from '../../src/observability/heap.ts';
import { FakeLogger } from '../core/fakes.ts';

/** A heap of 1,000 bytes of which the test sets how many are used. */
function heap(mostPercent: number) {
  const logger = new FakeLogger();
  let usedBytes = 0;
  let collections = 0;
  const measure = () => ({ usedBytes, limitBytes: 1000 });
  const guard = new HeapGuard(mostPercent, logger, measure, () => (collections += 1));
  const isFullAt = (bytes: number): boolean => {
    usedBytes = bytes;
    guard.tick();
    return guard.isFull;
  };
  return { isFullAt, logger, collections: () => collections };
}

describe('a heap that is nearly full', () => {
  test('8.11 is full above its share of the limit, not at it', () => {
    const { isFullAt } = heap(90);
    expect([isFullAt(900), isFullAt(901)]).toEqual([false, true]);
  });

  test('8.11 stays full until a ninth of that share is free again', () => {
    const { isFullAt } = heap(90);
    expect([isFullAt(950), isFullAt(801), isFullAt(800), isFullAt(899)]).toEqual([true, true, false, false]);
  });

  test('8.11 logs once when it is full and once when it is not any more', () => {
    const { isFullAt, logger } = heap(90);
    for (const bytes of [950, 960, 940, 100, 200]) isFullAt(bytes);
    expect(logger.warnings.map(({ message }) => message)).toEqual([
      "Node's heap is above WAVEHALL_MAX_HEAP_PERCENT: new connections, /up and /ready are answered with 503, connected clients stay. Raise NODE_OPTIONS=--max-old-space-size, or add a node",
      "Node's heap is below the limit again: new connections are accepted",
    ]);
  });

  test('8.11 collects garbage every ten seconds while it is full', () => {
    const { isFullAt, collections } = heap(90);
    isFullAt(100);
    expect(collections()).toBe(0);
    for (let second = 0; second < 21; second += 1) isFullAt(950);
    expect(collections()).toBe(3);
  });

  test('8.11 treats a share of 0 as no limit', () => {
    expect(heap(0).isFullAt(1000)).toBe(false);
  });
});
