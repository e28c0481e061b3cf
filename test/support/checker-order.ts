/**
 * I2: whether one order exists in which everybody saw everything. `lines` are sequences that must all be parts of it.
 * Returns the numbers that go round in a circle, or nothing.
 */
export function circleIn(lines: readonly (readonly number[])[]): number[] {
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

/** I3: what came twice. */
export function repeatedIn(line: readonly number[]): number[] {
  const known = new Set<number>();
  return line.filter((number) => known.has(number) || !known.add(number));
}
