import type { WebhookRecord } from '../../../core/ports/webhooks.ts';
import type { WebhookWishes } from '../../../core/ports/webhook-wishes.ts';
import type { Keys } from '../keys.ts';
import type { Links } from '../link/links.ts';
import { runScript } from '../link/scripts.ts';
import { encodeRecord } from './entries.ts';
import { shareOf } from './transition-sink.ts';

/** Events of this node that wait in memory while Redis is away; beyond, the oldest are dropped. */
export const MOST_UNWRITTEN = 10_000;
const WRITTEN_PER_CALL = 200;
const RETRY_MS = 500;

interface UnwrittenEvent {
  readonly partition: number;
  readonly record: string;
  /** Milliseconds in which it is added once, and the key for that. */
  readonly once: { readonly key: string; readonly ms: number } | undefined;
}

interface EventWriterDeps {
  readonly links: Links;
  readonly keys: Keys;
  readonly wishes: WebhookWishes;
  readonly onWritten: (partition: number) => void;
}

/** Writes the events that this node makes, those of a partition in their order, many of one moment together. */
export class EventWriter {
  readonly #deps: EventWriterDeps;
  #waiting: UnwrittenEvent[] = [];
  #writing: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #dropped = 0;
  #isStopped = false;

  constructor(deps: EventWriterDeps) {
    this.#deps = deps;
  }

  get dropped(): number {
    return this.#dropped;
  }

  /** Resolves when Redis has it, or when it waits for Redis. */
  add(record: WebhookRecord, onceMs = 0): Promise<void> {
    const { partition, channelKey } = this.#deps.keys.channel(record.ref);
    const key = this.#deps.keys.onceOnly(partition, record.type, channelKey);
    const once = onceMs > 0 ? { key, ms: onceMs } : undefined;
    this.#waiting.push({ partition, record: encodeRecord(record, Date.now()), once });
    this.#bound(MOST_UNWRITTEN);
    return this.#write();
  }

  /** Tries once more to write what waits. What Redis does not take then is dropped, also when it is added later. Never rejects. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#write();
  }

  #bound(most: number): void {
    const over = Math.max(0, this.#waiting.length - most);
    this.#waiting.splice(0, over);
    this.#dropped += over;
  }

  /** Never rejects. */
  #write(): Promise<void> {
    clearTimeout(this.#timer);
    this.#writing ??= this.#writeAll().finally(() => {
      this.#writing = undefined;
    });
    return this.#writing;
  }

  async #writeAll(): Promise<void> {
    // Lets the events of this moment come together.
    await Promise.resolve();
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.splice(0, WRITTEN_PER_CALL);
      const failed = await this.#writeBatch(batch);
      this.#waiting.unshift(...failed);
      this.#bound(MOST_UNWRITTEN);
      if (failed.length > 0) return this.#retryLater();
    }
  }

  #retryLater(): void {
    if (this.#isStopped) return this.#bound(0);
    this.#timer = setTimeout(() => void this.#write(), RETRY_MS);
    this.#timer.unref();
  }

  /** Resolves with the events whose outcome is not known. */
  async #writeBatch(batch: readonly UnwrittenEvent[]): Promise<UnwrittenEvent[]> {
    const partitions = [...new Set(batch.map(({ partition }) => partition))];
    const outcomes = await Promise.all(
      partitions.map(async (partition) => {
        const events = batch.filter((event) => event.partition === partition);
        return this.#writeTo(partition, events).then(
          () => [],
          () => events,
        );
      }),
    );
    return outcomes.flat();
  }

  async #writeTo(partition: number, events: readonly UnwrittenEvent[]): Promise<void> {
    const { links, keys, wishes, onWritten } = this.#deps;
    const { stream, attempts } = keys.outbox(partition);
    const names = [stream, attempts, ...events.flatMap(({ once }) => once?.key ?? [])];
    await runScript(links.commands, 'add-events', names, [
      shareOf(wishes.maxWaiting, keys.partitions),
      events.length,
      ...events.flatMap(({ record, once }) => [record, once?.ms ?? 0]),
    ]);
    onWritten(partition);
  }
}
