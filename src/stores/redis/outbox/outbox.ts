import type { DeadLetter, Outbox, OutboxEntry, WebhookRecord } from '../../../core/ports/webhooks.ts';
import type { WebhookWishes } from '../../../core/ports/webhook-wishes.ts';
import type { Keys } from '../keys.ts';
import type { Links } from '../link/links.ts';
import { runScript } from '../link/scripts.ts';
import { DeadLetters } from './dead-letters.ts';
import { Deliveries } from './deliveries.ts';
import { EntryDecoder, timeOf } from './entries.ts';
import { EventWriter } from './event-writer.ts';
import { OwnedPartitions } from './owned-partitions.ts';
import { TransitionSink } from './transition-sink.ts';

interface RedisOutboxDeps {
  readonly links: Links;
  readonly keys: Keys;
  readonly wishes: WebhookWishes;
  /** Time after which another node takes over the events of a node that ended. */
  readonly ownerMs?: number | undefined;
}

/**
 * The outbox of all nodes: in each partition a stream, beside the channels whose transitions it takes, and one consumer group for
 * each endpoint.
 */
export class RedisOutbox implements Outbox {
  readonly transitions: TransitionSink;
  readonly #deps: RedisOutboxDeps;
  readonly #partitions: OwnedPartitions;
  readonly #writer: EventWriter;
  readonly #deliveries: Deliveries;
  readonly #deadLetters: DeadLetters;

  constructor(deps: RedisOutboxDeps) {
    this.#deps = deps;
    this.#partitions = new OwnedPartitions(deps);
    const onWritten = (partition: number): void => this.#partitions.wake(partition);
    this.transitions = new TransitionSink({ ...deps, onWritten });
    this.#writer = new EventWriter({ ...deps, onWritten });
    // A scope has no colon; an id may have some.
    const appOf = (scoped: string): string | undefined =>
      [scoped, scoped.slice(scoped.indexOf(':') + 1)].find(
        (app) => deps.wishes.apps.has(app) && deps.keys.scopedApp(app) === scoped,
      );
    const decoder = new EntryDecoder(appOf);
    this.#deliveries = new Deliveries({ ...deps, partitions: this.#partitions, decoder });
    this.#deadLetters = new DeadLetters({ ...deps, deliveries: this.#deliveries });
  }

  get dropped(): number {
    return this.#partitions.dropped + this.#writer.dropped;
  }

  /** Resolves when nothing is missed from then on. Never rejects. */
  start(): Promise<void> {
    return this.#partitions.start();
  }

  /** Lets other nodes take over at once. Never rejects. */
  async stop(): Promise<void> {
    await this.#writer.stop();
    await this.#partitions.stop();
  }

  add(record: WebhookRecord): Promise<void> {
    return this.#writer.add(record);
  }

  addOnce(record: WebhookRecord, ms: number): Promise<void> {
    return this.#writer.add(record, ms);
  }

  onAdded(listener: () => void): void {
    this.#partitions.onNews(listener);
  }

  take(endpoint: string, most: number): Promise<readonly OutboxEntry[]> {
    return this.#deliveries.take(endpoint, most);
  }

  done(endpoint: string, ids: readonly string[]): Promise<void> {
    return this.#deliveries.done(endpoint, ids);
  }

  failed(endpoint: string, id: string, attempts: number): Promise<void> {
    return this.#deliveries.failed(endpoint, id, attempts);
  }

  bury(endpoint: string, entry: OutboxEntry, reason: string): Promise<void> {
    return this.#deadLetters.bury(endpoint, entry, reason);
  }

  deadLetters(most: number): Promise<readonly DeadLetter[]> {
    return this.#deadLetters.list(most);
  }

  async replay(ids: readonly string[]): Promise<number> {
    const { found, partitions } = await this.#deadLetters.replay(ids);
    for (const partition of partitions) this.#partitions.wake(partition);
    return found;
  }

  async waiting(endpoint: string): Promise<{ readonly entries: number; readonly oldestMs: number }> {
    const { links, keys } = this.#deps;
    const answers = await Promise.all(
      Array.from({ length: keys.partitions }, (_, partition) =>
        runScript(links.commands, 'count-events', [keys.outbox(partition).stream], [endpoint]),
      ),
    );
    const found = answers as (readonly [entries: number, oldest: string])[];
    const times = found.flatMap(([, oldest]) => (oldest === '' ? [] : timeOf(oldest)));
    return {
      entries: found.reduce((sum, [entries]) => sum + entries, 0),
      oldestMs: times.length === 0 ? 0 : Math.max(0, Date.now() - Math.min(...times)),
    };
  }
}
