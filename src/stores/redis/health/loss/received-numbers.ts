import type { NumberedMessage } from './numbered-message.ts';

/** Newest numbers of a sender that are remembered; an older one can no longer fill a gap. */
const REMEMBERED = 64;
/** Time for which a gap may still be filled. */
const LOST_AFTER_MS = 5000;
/** A message is late when it took so much longer than the quickest of the last ones. */
const LATE_AFTER_MS = 1000;
const DELAYS_COMPARED = 60;
/** Numbers that a node may have missed at once: those of a day. */
const MOST_MISSED = 86_400;
/** After so long without a higher number, numbers far from the newest one begin anew. */
const ANEW_AFTER_MS = 60_000;

export interface Counts {
  received: number;
  lost: number;
  doubled: number;
  late: number;
}

/** Two clocks: `waitMs` stands still while this node is disconnected, since nothing can arrive then. */
export interface Now {
  readonly ms: number;
  readonly waitMs: number;
}

/** The numbers that arrived from one node, and those that are missing (SPEC 12.2). Counting begins at the first that arrives. */
export class ReceivedNumbers {
  counts: Counts;
  #first = 0;
  #newest = 0;
  #newestAtMs = 0;
  /** The attempt of each number that arrived. */
  readonly #attempts = new Map<number, number>();
  /** When each missing number was found to be missing. */
  readonly #missing = new Map<number, number>();
  readonly #delaysMs: number[] = [];

  constructor(counts: Counts, { number }: NumberedMessage, now: Now) {
    this.counts = counts;
    this.#beginAt(number, now);
  }

  /** Counts a message. False: its number is not possible, and it was ignored. */
  receive(message: NumberedMessage, now: Now): boolean {
    const { number } = message;
    if (this.#isFar(number) && now.ms - this.#newestAtMs >= ANEW_AFTER_MS) this.#beginAt(number, now);
    if (number > this.#newest + MOST_MISSED) return false;
    if (number > this.#newest) {
      this.#advanceTo(number, now);
      this.#accept(message, now, false);
    } else if (this.#missing.delete(number)) this.#accept(message, now, true);
    else if (number >= this.#first) this.#countRepeated(message);
    return true;
  }

  /** Counts gaps as lost that were not filled in time. */
  expire({ waitMs }: Now): void {
    for (const [number, sinceMs] of this.#missing)
      if (waitMs - sinceMs >= LOST_AFTER_MS) this.#countLost(number);
  }

  #isFar(number: number): boolean {
    return number <= this.#newest - REMEMBERED || number > this.#newest + MOST_MISSED;
  }

  #beginAt(number: number, { ms }: Now): void {
    for (const missing of this.#missing.keys()) this.#countLost(missing);
    this.#attempts.clear();
    this.#first = number;
    this.#newest = number - 1;
    this.#newestAtMs = ms;
  }

  /** All numbers between the newest and this one are missing now. Those too old to be remembered are lost at once. */
  #advanceTo(number: number, { ms, waitMs }: Now): void {
    const next = this.#newest + 1;
    const oldest = number - REMEMBERED + 1;
    this.counts.lost += Math.max(0, oldest - next);
    for (let missing = Math.max(next, oldest); missing < number; missing += 1)
      this.#missing.set(missing, waitMs);
    for (const old of this.#missing.keys()) if (old < oldest) this.#countLost(old);
    for (const old of this.#attempts.keys()) if (old < oldest) this.#attempts.delete(old);
    this.#newest = number;
    this.#newestAtMs = ms;
  }

  #accept({ number, attempt, sentMs }: NumberedMessage, { ms }: Now, isOvertaken: boolean): void {
    this.#attempts.set(number, attempt);
    this.counts.received += 1;
    if (this.#isSlow(ms - sentMs) || isOvertaken) this.counts.late += 1;
  }

  /** The clocks of two nodes differ by an unknown time, which is the same in all delays and so does not count. */
  #isSlow(delayMs: number): boolean {
    this.#delaysMs.push(delayMs);
    if (this.#delaysMs.length > DELAYS_COMPARED) this.#delaysMs.shift();
    return delayMs - Math.min(...this.#delaysMs) >= LATE_AFTER_MS;
  }

  /** A number that arrived before, or that was counted as lost. A further attempt of the sender is not a double of Redis. */
  #countRepeated({ number, attempt }: NumberedMessage): void {
    const before = this.#attempts.get(number);
    if (before === undefined) this.counts.late += 1;
    else if (before === attempt) this.counts.doubled += 1;
  }

  #countLost(number: number): void {
    this.#missing.delete(number);
    this.counts.lost += 1;
  }
}
