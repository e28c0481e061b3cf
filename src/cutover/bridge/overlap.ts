/**
 * SPEC 11.10: where one connection goes on for another. Both heard parts of one stream of frames:
 * `before` and `after` are what the first heard up to a moment and from then on, `other` is what the second heard from
 * some moment within `before` to some moment within `after`. Returns how many frames of `other` are in `before`:
 * exact, `undefined` when equal frames allow several answers, or -1 when there is none.
 */
export function overlap(
  before: readonly string[],
  other: readonly string[],
  after: readonly string[],
): number | undefined {
  const fits = fitting(before, other, after);
  if (fits.length === 0) return -1;
  return fits.length === 1 ? fits[0] : undefined;
}

/** The answer that leaves nothing out twice: for when nothing better can be known. */
export const longestOverlap = (
  before: readonly string[],
  other: readonly string[],
  after: readonly string[],
): number => Math.max(0, ...fitting(before, other, after));

/** `other` goes on beyond `before`: all of `before` from its first frame on is in it. */
function fitting(before: readonly string[], other: readonly string[], after: readonly string[]): number[] {
  if (before.length === 0 || other.length === 0) return [0];
  const all = [...before, ...after];
  const fits: number[] = [];
  const first = Math.max(0, before.length - other.length);
  const last = Math.min(before.length, all.length - other.length);
  for (let start = first; start <= last; start += 1)
    if (other.every((frame, at) => all[start + at] === frame)) fits.push(before.length - start);
  return fits;
}
