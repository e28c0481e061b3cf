import { kindOf } from '#protocol';

/** The promise to a client: `exact` by SPEC 13.7 (client file), `tab` by SPEC 13.2 to 13.5 (stock clients with an id). */
export type Promised = 'exact' | 'tab';

export interface SequenceCounts {
  /** Events that arrived, repeats included. */
  received: number;
  /** Missing without a gap that was told; for a tab, which is told nothing, each missing event. */
  lost: number;
  /** Runs of lost events; uncertain ones between them belong to the run. */
  holes: number;
  /** Received again although that is not promised: by an exact client, or on one connection. */
  doubled: number;
  /** Received after a later one. */
  reordered: number;
  /** Received again by a tab on the connection after a cut. */
  repeated: number;
  /** The longest time before the cut at which a repeated event had arrived. */
  repeatedAgeMs: number;
  /** The same, where the server did not see the end of the connection. */
  repeatedUnseenAgeMs: number;
  /** Gaps that were told, and the events that were missing at them. */
  gaps: number;
  missing: number;
  /** Gaps whose number of missing events is wrong. */
  wrongGaps: number;
  /** Gaps that a tab, which is told nothing, was expected to have, and had. */
  untold: number;
}

export const noCounts = (): SequenceCounts => ({
  ...{ received: 0, lost: 0, holes: 0, doubled: 0, reordered: 0, repeated: 0, repeatedAgeMs: 0 },
  ...{ repeatedUnseenAgeMs: 0, gaps: 0, missing: 0, wrongGaps: 0, untold: 0 },
});

/** Sums of the counts; the longest of the times. */
export function totalOf(all: readonly SequenceCounts[]): SequenceCounts {
  const total = noCounts();
  for (const counts of all)
    for (const key of Object.keys(total) as (keyof SequenceCounts)[])
      total[key] = key.endsWith('Ms') ? Math.max(total[key], counts[key]) : total[key] + counts[key];
  return total;
}

/** Numbers that were published, by channel; the publisher of a channel sends one after another. */
export interface Published {
  /** The number may have been refused: nobody knows, so that it may be missing or late. */
  isUncertain(channel: string, number: number): boolean;
  /** The last number of a channel. */
  last(channel: string): number;
  /** Time since the number was published. */
  ageMs(channel: string, number: number, nowMs: number): number;
}

export interface CheckerOptions {
  readonly promised: Promised;
  readonly channel: string;
  readonly published: Published;
  /** Number of the first event that the client must receive. */
  readonly first?: number;
  /** Time for which events are kept for sure: a tab that comes back later may miss them, and is not told. */
  readonly keptMs?: number | undefined;
  /** True when the store was restarted between two times: a tab that was away may miss events, and is not told. */
  readonly wasRestarted?: ((sinceMs: number, untilMs: number) => boolean) | undefined;
}

/** One connection of the client, while its channel is subscribed. */
interface ConnectionLog {
  readonly arrivedAtMs: Map<number, number>;
  cutAtMs: number;
  /** False: the server kept the connection open, because it could not know. */
  isSeen: boolean;
}

const newLog = (): ConnectionLog => ({ arrivedAtMs: new Map(), cutAtMs: Infinity, isSeen: true });
/** Events of a connection whose times are remembered. */
const MOST_TIMES = 5000;
/** Examples of each kind of violation. */
const MOST_EXAMPLES = 3;

/** Checks the events of one channel as one client receives them, over all of its connections. */
export class SequenceChecker {
  readonly counts = noCounts();
  /** The first violations, in words. */
  readonly examples: string[] = [];
  readonly #options: CheckerOptions;
  /** Numbers that were passed over, and may be uncertain, each with what was known then. */
  readonly #passed = new Map<number, string>();
  /** The greatest number that was received. */
  #newest: number;
  /** The number that follows on this connection. */
  #next: number;
  #isFirst = false;
  #awayMs = 0;
  #gap: { readonly missing: number | undefined } | undefined;
  #connection = newLog();
  #former = newLog();

  constructor(options: CheckerOptions) {
    this.#options = options;
    this.#next = options.first ?? 1;
    this.#newest = this.#next - 1;
  }

  get newest(): number {
    return this.#newest;
  }

  /** The connection was cut. `isSeen`: the server was told. */
  cut(atMs: number, isSeen: boolean): void {
    if (this.#connection.cutAtMs !== Infinity) return;
    this.#connection.cutAtMs = atMs;
    this.#connection.isSeen = isSeen;
  }

  /** The channel is subscribed on a new connection, after this time without one. */
  subscribed(awayMs = 0): void {
    this.#awayMs = awayMs;
    this.#former = this.#connection;
    this.#connection = newLog();
    this.#isFirst = true;
    this.#gap = undefined;
  }

  /** The client was told that events are missing before the next one. */
  told(missing: number | undefined): void {
    this.counts.gaps += 1;
    this.#gap = { missing };
  }

  received(number: number, atMs: number): void {
    this.counts.received += 1;
    if (number > this.#next) this.#skip(number, atMs);
    else if (number < this.#next) this.#again(number);
    this.#isFirst = false;
    if (number > this.#newest || this.#options.promised === 'tab') this.#gap = undefined;
    if (number <= this.#newest && this.#options.promised === 'tab') this.#repeat(number);
    this.#remember(number, atMs);
    this.#next = Math.max(this.#next, number + 1);
    this.#newest = Math.max(this.#newest, number);
  }

  /** Counts what never came. */
  finish(): SequenceCounts {
    const { channel, published } = this.#options;
    const last = published.last(channel);
    for (let number = this.#newest + 1; number <= last; number += 1) this.#passed.set(number, 'at the end');
    let isInHole = false;
    for (const number of [...this.#passed.keys()].sort((one, other) => one - other)) {
      isInHole &&= this.#passed.has(number - 1);
      if (published.isUncertain(channel, number)) continue;
      this.#violated('lost', number, this.#passed.get(number));
      if (!isInHole) this.counts.holes += 1;
      isInHole = true;
    }
    this.#passed.clear();
    return this.counts;
  }

  /** Numbers are missing before this one. */
  #skip(number: number, atMs: number): void {
    const { channel, published } = this.#options;
    const from = Math.max(this.#next, this.#newest + 1);
    const skipped = Array.from({ length: Math.max(0, number - from) }, (_, at) => from + at);
    if (this.#gap === undefined) {
      const untold = this.#isAfterRestart(atMs)
        ? skipped
        : skipped.filter((each) => this.#isExpired(each, atMs));
      const missing = untold.filter((each) => !published.isUncertain(channel, each)).length;
      if (missing > 0) this.counts.untold += 1;
      this.counts.missing += missing;
      const kept = skipped.slice(untold.length);
      return kept.forEach((each) => this.#passed.set(each, this.#circumstances(atMs)));
    }
    this.counts.missing += skipped.filter((each) => !published.isUncertain(channel, each)).length;
    const isExactly = skipped.every((each) => !published.isUncertain(channel, each));
    const { missing } = this.#gap;
    if (isExactly && missing !== undefined && missing !== skipped.length) this.counts.wrongGaps += 1;
  }

  /** True where a tab comes back after a restart of the store. */
  #isAfterRestart(atMs: number): boolean {
    const { promised, wasRestarted } = this.#options;
    return promised === 'tab' && this.#isFirst && wasRestarted?.(this.#former.cutAtMs, atMs) === true;
  }

  /** True where a tab comes back so late that the event may no longer be kept. */
  #isExpired(number: number, atMs: number): boolean {
    const { promised, channel, published, keptMs = Infinity } = this.#options;
    return promised === 'tab' && this.#isFirst && published.ageMs(channel, number, atMs) > keptMs;
  }

  /** A number that is not later than what was received. */
  #again(number: number): void {
    if (this.#passed.delete(number)) {
      if (this.#options.published.isUncertain(this.#options.channel, number)) return;
      this.#violated('reordered', number);
    } else if (this.#isFirst && this.#options.promised === 'tab') this.#next = number;
    else if (this.#isCachedEvent(number)) this.counts.repeated += 1;
    else this.#violated('doubled', number);
  }

  #violated(what: 'doubled' | 'reordered' | 'lost', number: number, circumstances = ''): void {
    this.counts[what] += 1;
    if (this.examples.filter((each) => each.startsWith(what)).length >= MOST_EXAMPLES) return;
    const next = `${this.#next} was next, ${this.#newest} is the newest${circumstances}`;
    const first = this.#isFirst ? ', the first of a connection' : '';
    this.examples.push(`${what} on ${this.#options.channel}: ${number}, where ${next}${first}`);
  }

  /** SPEC 13.5: after a gap the cached event is sent as to any new subscriber, who may have it. */
  #isCachedEvent(number: number): boolean {
    const isAfterGap = this.#isFirst && this.#gap !== undefined;
    return isAfterGap && number === this.#newest && kindOf(this.#options.channel).cached;
  }

  #circumstances(atMs: number): string {
    const { arrivedAtMs, cutAtMs, isSeen } = this.#former;
    const former = [...arrivedAtMs].at(-1);
    const place = this.#isFirst ? 'the first' : 'not the first';
    const before =
      former &&
      `; before came ${former[0]}, ${Math.round(cutAtMs - former[1])} ms before a${isSeen ? '' : 'n unseen'} cut`;
    return `; ${place} after ${Math.round(this.#awayMs)} ms away, ${Math.round(atMs - cutAtMs)} ms after the cut${before ?? ''}`;
  }

  /** A tab continues before what it had received. */
  #repeat(number: number): void {
    const { arrivedAtMs, cutAtMs, isSeen } = this.#former;
    this.counts.repeated += 1;
    const arrivedMs = arrivedAtMs.get(number);
    if (arrivedMs === undefined) return;
    const key = isSeen ? 'repeatedAgeMs' : 'repeatedUnseenAgeMs';
    this.counts[key] = Math.max(this.counts[key], cutAtMs - arrivedMs);
  }

  #remember(number: number, atMs: number): void {
    const { arrivedAtMs } = this.#connection;
    if (!arrivedAtMs.has(number)) arrivedAtMs.set(number, atMs);
    if (arrivedAtMs.size > MOST_TIMES) arrivedAtMs.delete(arrivedAtMs.keys().next().value!);
  }
}
