import type { Side } from '../ports.ts';
import { percentile } from '../watch/sliding-window.ts';

/** An event as one side brought it; `data` in a form in which the same means the same text. */
export interface ReceivedFrame {
  readonly name: string;
  readonly data: string;
  readonly userId: string | undefined;
  readonly atMs: number;
}

type Lists = Readonly<Record<Side, readonly ReceivedFrame[]>>;

/** What is judged: events that came to their first side in this time. */
export interface ComparedWindow {
  readonly fromMs: number;
  readonly untilMs: number;
  /** How much later the other side may bring the same event; what comes later is another one. */
  readonly settleMs: number;
}

export interface Behind {
  readonly count: number;
  readonly p50Ms: number | null;
  readonly p99Ms: number | null;
}

/** SPEC 11.16 */
export interface ChannelFindings {
  readonly heard: Readonly<Record<Side, number>>;
  readonly same: number;
  readonly missing: Readonly<Record<Side, number>>;
  readonly doubled: Readonly<Record<Side, number>>;
  readonly different: number;
  /** In another order than events that came from the same side. */
  readonly reordered: number;
  /** Published on both sides at the same time, so that each side has its own event first: no fault. */
  readonly crossed: number;
  /** How long after the other side a side brought what the other one had first. */
  readonly behind: Readonly<Record<Side, Behind>>;
  /** The first faults, in words. */
  readonly examples: readonly string[];
}

const EXAMPLES = 5;
const EXAMPLE_CHARACTERS = 80;
const NAMES = { wavehall: 'Wavehall', upstream: 'the other server' } as const;

interface Pair {
  readonly wavehall: ReceivedFrame;
  readonly upstream: ReceivedFrame;
}

interface Matched {
  readonly pairs: readonly Pair[];
  readonly left: Lists;
}

/** Finds for each event of a channel its like at the other side, and says what has none (SPEC 11.16). */
export function findingsOf(lists: Lists, time: ComparedWindow): ChannelFindings {
  const isJudged = ({ atMs }: Pick<ReceivedFrame, 'atMs'>): boolean =>
    atMs >= time.fromMs && atMs <= time.untilMs;
  const isJudgedPair = (pair: Pair): boolean => isJudged(earlier(pair));
  const equal = match(lists, keyOf, time.settleMs);
  const similar = match(equal.left, ({ name }) => name, time.settleMs);
  const same = equal.pairs.filter(isJudgedPair);
  const different = similar.pairs.filter(isJudgedPair);
  const surplus = (side: Side): Surplus =>
    sortOut(side, similar.left[side].filter(isJudged), equal.pairs, time);
  const [here, there] = [surplus('wavehall'), surplus('upstream')];
  const order = orderOf(same);
  return {
    heard: {
      wavehall: lists.wavehall.filter(isJudged).length,
      upstream: lists.upstream.filter(isJudged).length,
    },
    same: same.length,
    missing: { wavehall: there.single.length, upstream: here.single.length },
    doubled: { wavehall: here.doubled.length, upstream: there.doubled.length },
    different: different.length,
    ...order,
    behind: { wavehall: behindOf(same, 'wavehall'), upstream: behindOf(same, 'upstream') },
    examples: [
      ...there.single.map((event) => `missing at ${NAMES.wavehall}: ${words(event)}`),
      ...here.single.map((event) => `missing at ${NAMES.upstream}: ${words(event)}`),
      ...here.doubled.map((event) => `doubled at ${NAMES.wavehall}: ${words(event)}`),
      ...there.doubled.map((event) => `doubled at ${NAMES.upstream}: ${words(event)}`),
      ...different.map((pair) => `different: ${words(pair.wavehall)} / ${words(pair.upstream)}`),
    ].slice(0, EXAMPLES),
  };
}

/** Pairs what has the same key, in order and near in time; the rest is left. */
function match(lists: Lists, by: (event: ReceivedFrame) => string, settleMs: number): Matched {
  const groups = new Map<string, Record<Side, ReceivedFrame[]>>();
  for (const side of ['wavehall', 'upstream'] as const)
    for (const event of lists[side]) {
      const key = by(event);
      const group = groups.get(key) ?? { wavehall: [], upstream: [] };
      groups.set(key, group);
      group[side].push(event);
    }
  const pairs: Pair[] = [];
  const left: Record<Side, ReceivedFrame[]> = { wavehall: [], upstream: [] };
  for (const group of groups.values()) pairUp(group, settleMs, pairs, left);
  pairs.sort((a, b) => a.wavehall.atMs - b.wavehall.atMs);
  return { pairs, left };
}

/** Where one side has more, the one that is left alone is the one that is farther from the other side's next. */
function pairUp(group: Lists, settleMs: number, pairs: Pair[], left: Record<Side, ReceivedFrame[]>): void {
  const { wavehall: ours, upstream: theirs } = group;
  let [i, j] = [0, 0];
  for (let our = ours[0], their = theirs[0]; our && their; our = ours[i], their = theirs[j]) {
    const apart = our.atMs - their.atMs;
    const surplus = ours.length - i - (theirs.length - j);
    const nextOur = Math.abs((ours[i + 1]?.atMs ?? Infinity) - their.atMs);
    const nextTheir = Math.abs(our.atMs - (theirs[j + 1]?.atMs ?? Infinity));
    if (apart < -settleMs || (surplus > 0 && nextOur < Math.abs(apart))) {
      left.wavehall.push(our);
      i += 1;
    } else if (apart > settleMs || (surplus < 0 && nextTheir < Math.abs(apart))) {
      left.upstream.push(their);
      j += 1;
    } else {
      pairs.push({ wavehall: our, upstream: their });
      i += 1;
      j += 1;
    }
  }
  left.wavehall.push(...ours.slice(i));
  left.upstream.push(...theirs.slice(j));
}

const keyOf = ({ name, data, userId = '' }: ReceivedFrame): string => `${name}\0${userId}\0${data}`;

interface Surplus {
  readonly single: readonly ReceivedFrame[];
  readonly doubled: readonly ReceivedFrame[];
}

/** What one side has alone: a second copy of what both have, or missing at the other. */
function sortOut(
  side: Side,
  alone: readonly ReceivedFrame[],
  pairs: readonly Pair[],
  { settleMs }: ComparedWindow,
): Surplus {
  const times = new Map<string, number[]>();
  for (const { [side]: event } of pairs) {
    const known = times.get(keyOf(event));
    if (known) known.push(event.atMs);
    else times.set(keyOf(event), [event.atMs]);
  }
  const isCopy = (event: ReceivedFrame): boolean =>
    times.get(keyOf(event))?.some((atMs) => Math.abs(atMs - event.atMs) <= settleMs) === true;
  return { single: alone.filter((event) => !isCopy(event)), doubled: alone.filter(isCopy) };
}

const isOursFirst = ({ wavehall, upstream }: Pair): boolean => wavehall.atMs <= upstream.atMs;
const earlier = (pair: Pair): ReceivedFrame => (isOursFirst(pair) ? pair.wavehall : pair.upstream);

/** Events of one publisher come first at its side; only among those is another order a fault. */
function orderOf(pairs: readonly Pair[]): { reordered: number; crossed: number } {
  const outOfOrder = (some: readonly Pair[]): number =>
    some.length - longestRise(some.map((pair) => pair.upstream));
  const reordered =
    outOfOrder(pairs.filter(isOursFirst)) + outOfOrder(pairs.filter((pair) => !isOursFirst(pair)));
  return { reordered, crossed: outOfOrder(pairs) - reordered };
}

/** Length of the longest run, with gaps, that keeps its order. */
function longestRise(events: readonly ReceivedFrame[]): number {
  const ends: number[] = [];
  for (const { atMs } of events) {
    let [low, high] = [0, ends.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      // Equal times are one chunk of the network: in order.
      if ((ends[middle] ?? Infinity) <= atMs) low = middle + 1;
      else high = middle;
    }
    ends[low] = atMs;
  }
  return ends.length;
}

function behindOf(pairs: readonly Pair[], side: Side): Behind {
  const times = pairs
    .filter((pair) => isOursFirst(pair) === (side === 'upstream'))
    .map(({ wavehall, upstream }) => Math.abs(wavehall.atMs - upstream.atMs))
    .sort((a, b) => a - b);
  return { count: times.length, p50Ms: percentile(times, 0.5), p99Ms: percentile(times, 0.99) };
}

function words({ name, data }: ReceivedFrame): string {
  const text = `${name} ${data}`;
  return text.length > EXAMPLE_CHARACTERS ? `${text.slice(0, EXAMPLE_CHARACTERS)}…` : text;
}
