import type { WebhookRecord } from '../../../core/ports/webhooks.ts';

export interface KeptEvent {
  readonly id: string;
  readonly record: WebhookRecord;
  readonly timeMs: number;
  readonly queuedAtMs: number;
}

/** An event as one endpoint has it. */
interface QueuedEvent {
  readonly event: KeptEvent;
  /** Deliveries that failed. */
  attempts: number;
  isTaken: boolean;
}

/** Events that one endpoint has not finished, in the order in which they were made. */
export class EndpointQueue {
  readonly #events = new Map<string, QueuedEvent>();
  /**
   * Stands behind the last event that was taken. A new iterator would step over the places of all that were removed since the map
   * grew, at each call. It is asked only while something is untaken: at its end it would stay there.
   */
  readonly #untaken = this.#events.values();
  #untakenCount = 0;

  get size(): number {
    return this.#events.size;
  }

  get oldest(): KeptEvent | undefined {
    const [oldest] = this.#events.values();
    return oldest?.event;
  }

  ids(): Iterable<string> {
    return this.#events.keys();
  }

  /** Takes an event that is not in the queue yet. */
  add(event: KeptEvent, attempts: number): void {
    this.#events.set(event.id, { event, attempts, isTaken: false });
    this.#untakenCount += 1;
  }

  /** The next events that nobody has taken, at most `most`. */
  take(most: number): QueuedEvent[] {
    const taken: QueuedEvent[] = [];
    while (taken.length < most && this.#untakenCount > 0) {
      const { value } = this.#untaken.next() as IteratorYieldResult<QueuedEvent>;
      value.isTaken = true;
      this.#untakenCount -= 1;
      taken.push(value);
    }
    return taken;
  }

  setAttempts(id: string, attempts: number): void {
    const queued = this.#events.get(id);
    if (queued !== undefined) queued.attempts = attempts;
  }

  /** `undefined`: the endpoint has finished it. */
  attemptsOf(id: string): number | undefined {
    return this.#events.get(id)?.attempts;
  }

  /** True when it was there. */
  remove(id: string): boolean {
    const queued = this.#events.get(id);
    if (queued === undefined) return false;
    if (!queued.isTaken) this.#untakenCount -= 1;
    return this.#events.delete(id);
  }
}
