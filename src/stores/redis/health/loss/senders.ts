import type { NodePair } from '../../../../core/ports/nodes/loss-meter.ts';
import type { NumberedMessage } from './numbered-message.ts';
import { type Counts, type Now, ReceivedNumbers } from './received-numbers.ts';

/** Nodes with counts of their own; further ones are counted together. */
const MOST_NAMED = 100;
/** Nodes whose numbers are checked; messages of further ones are ignored. */
const MOST_CHECKED = 1000;
/** Silence after which a node is forgotten. */
const FORGOTTEN_AFTER_MS = 600_000;
/** The most that one tick adds to the silence of the others: after a stall of this process, their messages wait to be read. */
const LONGEST_TICK_MS = 2000;

interface Sender {
  readonly numbers: ReceivedNumbers;
  readonly isNamed: boolean;
  lastMs: number;
  lastWaitMs: number;
}

/** Counts for each node that this one receives numbered messages from. Their number is bounded, also with invented names. */
export class Senders {
  /** In the order in which their first message came. */
  readonly #senders = new Map<string, Sender>();
  /** Counts of all nodes that have no name here, forgotten ones included, so that they never fall. */
  readonly #others = newCounts();
  #othersLastMs: number | undefined;
  #named = 0;
  #waitMs = 0;
  #tickedMs: number | undefined;

  /** False: the message is ignored, since its number is not possible or there are too many names. */
  receive(message: NumberedMessage, nowMs: number): boolean {
    const now = { ms: nowMs, waitMs: this.#waitMs };
    const sender = this.#senders.get(message.from) ?? this.#add(message, now);
    if (sender?.numbers.receive(message, now) !== true) return false;
    sender.lastMs = nowMs;
    sender.lastWaitMs = this.#waitMs;
    if (!sender.isNamed) this.#othersLastMs = nowMs;
    return true;
  }

  /** Called about once a second: finds lost numbers, and forgets nodes that ended. `isListening`: messages can arrive. */
  tick(nowMs: number, isListening: boolean): void {
    const sinceMs = nowMs - (this.#tickedMs ?? nowMs);
    this.#tickedMs = nowMs;
    if (isListening) this.#waitMs += Math.min(sinceMs, LONGEST_TICK_MS);
    for (const [name, sender] of this.#senders) {
      sender.numbers.expire({ ms: nowMs, waitMs: this.#waitMs });
      if (this.#waitMs - sender.lastWaitMs >= FORGOTTEN_AFTER_MS) this.#forget(name, sender);
    }
    this.#nameOthers();
  }

  pairs(nowMs: number): NodePair[] {
    const named = [...this.#senders].flatMap(([from, { isNamed, numbers, lastMs }]) =>
      isNamed ? [{ from, ...numbers.counts, lastSeconds: secondsSince(lastMs, nowMs) }] : [],
    );
    if (this.#othersLastMs === undefined) return named;
    const lastSeconds = secondsSince(this.#othersLastMs, nowMs);
    return [...named, { from: 'other', ...this.#others, lastSeconds }];
  }

  #add(message: NumberedMessage, now: Now): Sender | undefined {
    if (this.#senders.size >= MOST_CHECKED) return undefined;
    const isNamed = this.#named < MOST_NAMED;
    const numbers = new ReceivedNumbers(isNamed ? newCounts() : this.#others, message, now);
    return this.#put(message.from, { numbers, isNamed, lastMs: now.ms, lastWaitMs: now.waitMs });
  }

  #put(name: string, sender: Sender): Sender {
    this.#senders.set(name, sender);
    if (sender.isNamed) this.#named += 1;
    return sender;
  }

  #forget(name: string, { isNamed }: Sender): void {
    this.#senders.delete(name);
    if (isNamed) this.#named -= 1;
  }

  /** Gives names that became free to the nodes that have waited longest. They count from 0 under their name. */
  #nameOthers(): void {
    if (this.#named >= MOST_NAMED || this.#senders.size === this.#named) return;
    for (const [name, sender] of this.#senders) {
      if (sender.isNamed) continue;
      sender.numbers.counts = newCounts();
      this.#put(name, { ...sender, isNamed: true });
      if (this.#named >= MOST_NAMED) return;
    }
  }
}

const newCounts = (): Counts => ({ received: 0, lost: 0, doubled: 0, late: 0 });

/** Whole seconds; times are in milliseconds. */
const secondsSince = (thenMs: number, nowMs: number): number =>
  Math.max(0, Math.floor((nowMs - thenMs) / 1000));
