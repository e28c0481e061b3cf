import type { Side } from '../sides.ts';
import { SIDE_NAMES, SIDES } from '../sides.ts';
import { percentile } from '../watch/sliding-window.ts';

/** An event that one side delivered; equal data has equal text. */
export interface ReceivedFrame {
  readonly name: string;
  readonly data: string;
  readonly userId: string | undefined;
  readonly atMs: number;
}

type EventLists = Readonly<Record<Side, readonly ReceivedFrame[]>>;

/** Events that arrived at their first side in this time are judged. */
export interface ComparedWindow {
  readonly fromMs: number;
  readonly untilMs: number;
  /** Longest time between the copies of one event on both sides; beyond it they count as two events. */
  readonly settleMs: number;
}

export interface DelaySummary {
  readonly count: number;
  readonly p50Ms: number | null;
  readonly p99Ms: number | null;
}

/** SPEC 11.16 */
export interface ChannelFindings {
  readonly received: Readonly<Record<Side, number>>;
  readonly same: number;
  readonly missing: Readonly<Record<Side, number>>;
  readonly doubled: Readonly<Record<Side, number>>;
  readonly different: number;
  /** Events in another order than others that were published at the same side. */
  readonly reordered: number;
  /** Events published at both sides at the same time, so that each side has its own first: no fault. */
  readonly crossed: number;
  /** Delay of each side for events that its counterpart delivered first. */
  readonly behind: Readonly<Record<Side, DelaySummary>>;
  /** Descriptions of the first faults. */
  readonly examples: readonly string[];
}

const EXAMPLES = 5;
const EXAMPLE_CHARACTERS = 80;

interface Pair {
  readonly wavehall: ReceivedFrame;
  readonly upstream: ReceivedFrame;
}

interface Matched {
  readonly pairs: readonly Pair[];
  readonly left: EventLists;
}

/** Pairs the copies of each event on both sides of a channel, and reports events without a pair (SPEC 11.16). */
export function findingsOf(lists: EventLists, time: ComparedWindow): ChannelFindings {
  const isJudged = ({ atMs }: Pick<ReceivedFrame, 'atMs'>): boolean =>
    atMs >= time.fromMs && atMs <= time.untilMs;
  const isJudgedPair = (pair: Pair): boolean => isJudged(earlier(pair));
  const equal = match(lists, eventKey, time.settleMs);
  const similar = match(equal.left, ({ name }) => name, time.settleMs);
  const same = equal.pairs.filter(isJudgedPair);
  const different = similar.pairs.filter(isJudgedPair);
  const unmatched = (side: Side): Unmatched =>
    separateCopies(side, similar.left[side].filter(isJudged), equal.pairs, time);
  const [wavehall, upstream] = [unmatched('wavehall'), unmatched('upstream')];
  return {
    received: {
      wavehall: lists.wavehall.filter(isJudged).length,
      upstream: lists.upstream.filter(isJudged).length,
    },
    same: same.length,
    missing: { wavehall: upstream.single.length, upstream: wavehall.single.length },
    doubled: { wavehall: wavehall.doubled.length, upstream: upstream.doubled.length },
    different: different.length,
    ...orderOf(same),
    behind: { wavehall: behindOf(same, 'wavehall'), upstream: behindOf(same, 'upstream') },
    examples: examplesOf({ wavehall, upstream }, different),
  };
}

function examplesOf(alone: Readonly<Record<Side, Unmatched>>, different: readonly Pair[]): string[] {
  const texts = (what: string, side: Side, events: readonly ReceivedFrame[]): string[] =>
    events.map((event) => `${what} at ${SIDE_NAMES[side]}: ${excerpt(event)}`);
  return [
    ...texts('missing', 'wavehall', alone.upstream.single),
    ...texts('missing', 'upstream', alone.wavehall.single),
    ...texts('doubled', 'wavehall', alone.wavehall.doubled),
    ...texts('doubled', 'upstream', alone.upstream.doubled),
    ...different.map((pair) => `different: ${excerpt(pair.wavehall)} / ${excerpt(pair.upstream)}`),
  ].slice(0, EXAMPLES);
}

/** Pairs events with the same key, in order and near in time; the rest is left. */
function match(lists: EventLists, by: (event: ReceivedFrame) => string, settleMs: number): Matched {
  const groups = new Map<string, Record<Side, ReceivedFrame[]>>();
  for (const side of SIDES)
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

/**
 * Pairs two lists in order. Where one list has more events, the one farther in time from its neighbour is left unpaired:
 *
 *     wavehall  1.0  2.0  3.0
 *     upstream       2.1  3.1     leaves 1.0
 */
function pairUp(
  group: EventLists,
  settleMs: number,
  pairs: Pair[],
  left: Record<Side, ReceivedFrame[]>,
): void {
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

const eventKey = ({ name, data, userId = '' }: ReceivedFrame): string => `${name}\0${userId}\0${data}`;

interface Unmatched {
  readonly single: readonly ReceivedFrame[];
  readonly doubled: readonly ReceivedFrame[];
}

/** Separates events of one side only: second copies of what both have, and those missing at the other. */
function separateCopies(
  side: Side,
  alone: readonly ReceivedFrame[],
  pairs: readonly Pair[],
  { settleMs }: ComparedWindow,
): Unmatched {
  const times = new Map<string, number[]>();
  for (const { [side]: event } of pairs) {
    const known = times.get(eventKey(event));
    if (known) known.push(event.atMs);
    else times.set(eventKey(event), [event.atMs]);
  }
  const isCopy = (event: ReceivedFrame): boolean =>
    times.get(eventKey(event))?.some((atMs) => Math.abs(atMs - event.atMs) <= settleMs) === true;
  return { single: alone.filter((event) => !isCopy(event)), doubled: alone.filter(isCopy) };
}

const isOursFirst = ({ wavehall, upstream }: Pair): boolean => wavehall.atMs <= upstream.atMs;
const earlier = (pair: Pair): ReceivedFrame => (isOursFirst(pair) ? pair.wavehall : pair.upstream);

/** Events of one publisher arrive first at its side; only among those is another order a fault. */
function orderOf(pairs: readonly Pair[]): { reordered: number; crossed: number } {
  const outOfOrder = (some: readonly Pair[]): number =>
    some.length - longestIncreasingSubsequence(some.map((pair) => pair.upstream));
  const reordered =
    outOfOrder(pairs.filter(isOursFirst)) + outOfOrder(pairs.filter((pair) => !isOursFirst(pair)));
  return { reordered, crossed: outOfOrder(pairs) - reordered };
}

/** Length of the longest subsequence that is in order (patience sorting). */
function longestIncreasingSubsequence(events: readonly ReceivedFrame[]): number {
  const ends: number[] = [];
  for (const { atMs } of events) {
    let [low, high] = [0, ends.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      // Equal times are one read of the socket: in order.
      if ((ends[middle] ?? Infinity) <= atMs) low = middle + 1;
      else high = middle;
    }
    ends[low] = atMs;
  }
  return ends.length;
}

function behindOf(pairs: readonly Pair[], side: Side): DelaySummary {
  const times = pairs
    .filter((pair) => isOursFirst(pair) === (side === 'upstream'))
    .map(({ wavehall, upstream }) => Math.abs(wavehall.atMs - upstream.atMs))
    .sort((a, b) => a - b);
  return { count: times.length, p50Ms: percentile(times, 0.5), p99Ms: percentile(times, 0.99) };
}

function excerpt({ name, data }: ReceivedFrame): string {
  const text = `${name} ${data}`;
  return text.length > EXAMPLE_CHARACTERS ? `${text.slice(0, EXAMPLE_CHARACTERS)}…` : text;
}
