import { Unavailable } from '../../src/core/ports/failures.ts';
import type { DeadLetter, Outbox, OutboxEntry, WebhookRecord } from '../../src/core/ports/webhooks.ts';

interface Queue {
  waiting: OutboxEntry[];
  readonly taken: Map<string, OutboxEntry>;
  readonly done: string[];
}

/** Outbox in memory that follows the port, for some endpoints. */
export class TestOutbox implements Outbox {
  readonly #queues = new Map<string, Queue>();
  readonly #listeners: (() => void)[] = [];
  readonly dead: DeadLetter[] = [];
  readonly failures: { id: string; attempts: number }[] = [];
  dropped = 0;
  /** Rejects every call. */
  isAway = false;
  #made = 0;

  constructor(endpoints: readonly string[]) {
    for (const name of endpoints) this.#queues.set(name, { waiting: [], taken: new Map(), done: [] });
  }

  add(
    record: WebhookRecord,
    timeMs = Date.now(),
    { attempts = 0, queuedAtMs = Date.now() }: Partial<Pick<OutboxEntry, 'attempts' | 'queuedAtMs'>> = {},
  ): Promise<void> {
    this.#made += 1;
    for (const { waiting } of this.#queues.values())
      waiting.push({ ...record, id: `id-${this.#made}`, timeMs, queuedAtMs, attempts });
    for (const listener of this.#listeners) listener();
    return Promise.resolve();
  }

  addOnce(record: WebhookRecord): Promise<void> {
    return this.add(record);
  }

  onAdded(listener: () => void): void {
    this.#listeners.push(listener);
  }

  async take(endpoint: string, most: number): Promise<readonly OutboxEntry[]> {
    const { waiting, taken } = await this.#queue(endpoint);
    const entries = waiting.splice(0, most);
    for (const entry of entries) taken.set(entry.id, entry);
    return entries;
  }

  async done(endpoint: string, ids: readonly string[]): Promise<void> {
    const { taken, done } = await this.#queue(endpoint);
    for (const id of ids) if (taken.delete(id)) done.push(id);
  }

  async failed(endpoint: string, id: string, attempts: number): Promise<void> {
    await this.#queue(endpoint);
    this.failures.push({ id, attempts });
  }

  async bury(endpoint: string, entry: OutboxEntry, reason: string): Promise<void> {
    (await this.#queue(endpoint)).taken.delete(entry.id);
    this.dead.push({ id: entry.id, endpoint, entry, reason, diedAtMs: Date.now() });
  }

  deadLetters(most: number): Promise<readonly DeadLetter[]> {
    return Promise.resolve(this.dead.slice(0, most));
  }

  replay(): Promise<number> {
    return Promise.resolve(0);
  }

  async waiting(endpoint: string): Promise<{ entries: number; oldestMs: number }> {
    const { waiting, taken } = await this.#queue(endpoint);
    const all = [...taken.values(), ...waiting];
    return {
      entries: all.length,
      oldestMs: Math.max(0, ...all.map(({ queuedAtMs }) => Date.now() - queuedAtMs)),
    };
  }

  /** Ids that the endpoint is done with, in order. */
  doneOf(endpoint: string): readonly string[] {
    return this.#queues.get(endpoint)!.done;
  }

  /** Entries that are taken and not done. */
  takenOf(endpoint: string): number {
    return this.#queues.get(endpoint)!.taken.size;
  }

  #queue(endpoint: string): Promise<Queue> {
    if (this.isAway) return Promise.reject(new Unavailable('away'));
    return Promise.resolve(this.#queues.get(endpoint)!);
  }
}
