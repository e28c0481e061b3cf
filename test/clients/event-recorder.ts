const LIMIT_MS = 8_000;

interface Emitter {
  bind_global(callback: (event: string, data: unknown) => void): unknown;
}

export interface RecordedEvent {
  readonly event: string;
  readonly data: unknown;
}

/** Records every event that a channel, a user or a connection of pusher-js emits, in order. */
export class EventRecorder {
  readonly events: RecordedEvent[] = [];
  readonly #taken = new Set<RecordedEvent>();
  readonly #waiters = new Set<() => void>();

  constructor(emitter: Emitter) {
    emitter.bind_global((event, data) => this.record(event, data));
  }

  record(event: string, data: unknown): void {
    this.events.push({ event, data });
    for (const wake of [...this.#waiters]) wake();
  }

  count(event: string): number {
    return this.events.filter((each) => each.event === event).length;
  }

  /** Data of all received events with this name. */
  all(event: string): unknown[] {
    return this.events.filter((each) => each.event === event).map(({ data }) => data);
  }

  /** Takes the oldest event with this name that was not taken yet; waits for it if necessary. */
  async next(event: string, limitMs = LIMIT_MS): Promise<unknown> {
    const find = () => this.events.find((each) => each.event === event && !this.#taken.has(each));
    await this.until(() => find() !== undefined, event, limitMs);
    const taken = find();
    if (taken === undefined) throw new Error('unreachable');
    this.#taken.add(taken);
    return taken.data;
  }

  /** Waits for a condition, which it checks after every event; `what` describes it in the error. */
  async until(holds: () => boolean, what: string, limitMs = LIMIT_MS): Promise<void> {
    const deadline = Date.now() + limitMs;
    while (!holds() && Date.now() < deadline) await this.#nextEvent(deadline - Date.now());
    if (!holds()) throw new Error(`no ${what} within ${limitMs} ms; received ${JSON.stringify(this.events)}`);
  }

  /** Resolves at the next event, or at the time limit. */
  #nextEvent(limitMs: number): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        clearTimeout(timer);
        this.#waiters.delete(wake);
        resolve();
      };
      const timer = setTimeout(wake, limitMs);
      this.#waiters.add(wake);
    });
  }
}
