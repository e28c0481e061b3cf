import type { TimeSlice } from '../time-slice.ts';

export interface InboxLimits {
  /** Messages of one session that may wait, and their bytes. */
  readonly waitingMessages: number;
  readonly waitingBytes: number;
}

interface InboxDeps {
  readonly limits: InboxLimits;
  readonly timeSlice: Pick<TimeSlice, 'isOver'>;
  readonly isStopped: () => boolean;
  readonly deliver: (message: Buffer) => void;
}

/**
 * Messages of one session, in their order. They wait while the session is not read, and for the next iteration of the event
 * loop when those of this one have taken their time.
 */
export class Inbox {
  readonly #deps: InboxDeps;
  #waiting: Buffer[] = [];
  #waitingBytes = 0;
  #isDelivering = false;
  #isScheduled = false;

  constructor(deps: InboxDeps) {
    this.#deps = deps;
  }

  /** False when more would wait than may (SPEC 10.6): nothing waits any more then. */
  add(messages: readonly Buffer[]): boolean {
    for (const message of messages) {
      this.#waiting.push(message);
      this.#waitingBytes += message.length;
    }
    this.deliver();
    const { waitingMessages, waitingBytes } = this.#deps.limits;
    if (this.#waiting.length <= waitingMessages && this.#waitingBytes <= waitingBytes) return true;
    this.clear();
    return false;
  }

  /** Delivers what may be delivered now. */
  deliver(): void {
    if (this.#isDelivering) return;
    this.#isDelivering = true;
    const waiting = this.#waiting;
    let at = 0;
    for (; at < waiting.length && this.#mayDeliver(); at += 1) {
      const message = waiting[at] as Buffer;
      this.#waitingBytes -= message.length;
      this.#deps.deliver(message);
    }
    waiting.splice(0, at);
    this.#isDelivering = false;
    if (this.#waiting.length > 0 && !this.#deps.isStopped()) this.#deliverLater();
  }

  clear(): void {
    this.#waiting.length = 0;
    this.#waitingBytes = 0;
  }

  #mayDeliver(): boolean {
    return !this.#deps.isStopped() && !this.#deps.timeSlice.isOver();
  }

  #deliverLater(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setImmediate(() => {
      this.#isScheduled = false;
      this.deliver();
    });
  }
}
