import type { SentEvent } from './delivery-log.ts';

/**
 * Searches for one total order that is consistent with all sequences (a topological sort). Returns the numbers that are
 * part of a contradiction, or after one; none if there is such an order.
 *
 *     contradictionIn([[1, 2, 3], [2, 3, 4]]) // []: 1 2 3 4
 *     contradictionIn([[1, 2], [2, 1]]) // [1, 2]
 */
export function contradictionIn(sequences: readonly (readonly number[])[]): number[] {
  const successors = new Map<number, Set<number>>();
  /** Number of direct predecessors. */
  const pending = new Map<number, number>();
  for (const sequence of sequences) {
    for (const [at, number] of sequence.entries()) {
      if (!pending.has(number)) pending.set(number, 0);
      const next = sequence[at + 1];
      if (next === undefined) continue;
      const follows = successors.get(number) ?? new Set();
      successors.set(number, follows);
      if (follows.has(next)) continue;
      follows.add(next);
      pending.set(next, (pending.get(next) ?? 0) + 1);
    }
  }
  const free = [...pending].filter(([, count]) => count === 0).map(([number]) => number);
  for (let number = free.pop(); number !== undefined; number = free.pop()) {
    pending.delete(number);
    for (const next of successors.get(number) ?? []) {
      const left = (pending.get(next) ?? 0) - 1;
      pending.set(next, left);
      if (left === 0) free.push(next);
    }
  }
  return [...pending.keys()];
}

/** Splits events into sequences in which each event was answered before the next one was sent. */
export function sequencesByTime(events: readonly SentEvent[]): number[][] {
  const sequences: { numbers: number[]; endedMs: number }[] = [];
  for (const { number, beganMs, endedMs } of events) {
    let sequence = sequences.find((each) => each.endedMs <= beganMs);
    if (sequence === undefined) sequences.push((sequence = { numbers: [], endedMs }));
    sequence.numbers.push(number);
    sequence.endedMs = endedMs;
  }
  return sequences.map(({ numbers }) => numbers);
}
