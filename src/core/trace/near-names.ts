/** Prefixes of channel names, each before those that it begins with. */
const PREFIXES = [
  'private-encrypted-cache-',
  'private-encrypted-',
  'private-cache-',
  'private-',
  'presence-cache-',
  'presence-',
  'cache-',
] as const;

/** Most letters by which a near name differs, by the length of the shorter one. */
const mostEdits = (letters: number): number => (letters < 4 ? 0 : letters < 6 ? 1 : 2);

export type Nearness = 'prefix' | 'letter_case' | 'near_name';

/** How a name is like another one; `undefined`: it is not, or it is the same. Names that differ in their numbers alone are of other things. */
export function nearness(wanted: string, name: string): Nearness | undefined {
  if (wanted === name) return undefined;
  const [one, other] = [baseOf(wanted), baseOf(name)];
  if (one === other) return 'prefix';
  const [lower, otherLower] = [one.toLowerCase(), other.toLowerCase()];
  if (lower === otherLower) return 'letter_case';
  if (withoutNumbers(one) === withoutNumbers(other)) return undefined;
  if (continues(lower, otherLower) || continues(otherLower, lower)) return 'near_name';
  return isWithinEdits(lower, otherLower, mostEdits(Math.min(one.length, other.length)))
    ? 'near_name'
    : undefined;
}

function baseOf(name: string): string {
  const prefix = PREFIXES.find((each) => name.startsWith(each)) ?? '';
  return name.slice(prefix.length);
}

const withoutNumbers = (name: string): string => name.replace(/\d+/g, '0');

/** True when `longer` is `name`, a separator and more: `orders.7` continues `orders`. */
const continues = (name: string, longer: string): boolean =>
  name !== '' && longer.startsWith(name) && /^[.\-_:;,=@]/.test(longer.slice(name.length));

/** True when so many letters have to be put in, taken out or changed, at most. */
export function isWithinEdits(one: string, other: string, most: number): boolean {
  if (Math.abs(one.length - other.length) > most) return false;
  let row = Array.from({ length: other.length + 1 }, (_, at) => at);
  for (let at = 1; at <= one.length; at += 1) {
    const next = [at];
    for (let to = 1; to <= other.length; to += 1) {
      const change = (row[to - 1] ?? 0) + (one[at - 1] === other[to - 1] ? 0 : 1);
      next.push(Math.min(change, (row[to] ?? 0) + 1, (next[to - 1] ?? 0) + 1));
    }
    if (Math.min(...next) > most) return false;
    row = next;
  }
  return (row[other.length] ?? Infinity) <= most;
}
