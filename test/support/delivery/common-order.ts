import type { SentEvent } from './delivery-log.ts';

/**
 * Looks for one order of all events that every line agrees with. Returns the numbers that contradict each other: none,
 * when there is such an order.
 *
 *     contradictionIn([[1, 2, 3], [2, 3, 4]]) // []: 1 2 3 4
 *     contradictionIn([[1, 2], [2, 1]]) // [1, 2]
 */
export function contradictionIn(lines: readonly (readonly number[])[]): number[] {
  const after = new Map<number, Set<number>>();
  const before = new Map<number, number>();
  for (const line of lines) {
    for (const [at, number] of line.entries()) {
      if (!before.has(number)) before.set(number, 0);
      const next = line[at + 1];
      if (next === undefined) continue;
      const follow = after.get(number) ?? new Set();
      after.set(number, follow);
      if (follow.has(next)) continue;
      follow.add(next);
      before.set(next, (before.get(next) ?? 0) + 1);
    }
  }
  const free = [...before].filter(([, count]) => count === 0).map(([number]) => number);
  for (let number = free.pop(); number !== undefined; number = free.pop()) {
    before.delete(number);
    for (const next of after.get(number) ?? []) {
      const left = (before.get(next) ?? 0) - 1;
      before.set(next, left);
      if (left === 0) free.push(next);
    }
  }
  return [...before.keys()];
}

/** Lines of events each of which was answered before the next one was sent: the order that requests have by time. */
export function linesByTime(events: readonly SentEvent[]): number[][] {
  const lines: { numbers: number[]; endedMs: number }[] = [];
  for (const { number, beganMs, endedMs } of events) {
    let line = lines.find((each) => each.endedMs <= beganMs);
    if (line === undefined) lines.push((line = { numbers: [], endedMs }));
    line.numbers.push(number);
    line.endedMs = endedMs;
  }
  return lines.map(({ numbers }) => numbers);
}
