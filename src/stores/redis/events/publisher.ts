import { randomBytes } from 'node:crypto';
import type { MinuteLog } from '../../../core/util/minute-log.ts';
import type { Once } from '../../../core/ports/nodes/idempotency.ts';
import { DEFAULT_IDEMPOTENCY_LIMITS } from '../../../core/requests/idempotency.ts';
import type { Retention } from '../../../core/ports/events.ts';
import type { ChannelEvent, ChannelRef } from '../../../core/ports/events.ts';
import { encodeEvent } from './message-codec.ts';
import type { DeadlineScripts } from '../deadline/deadline-scripts.ts';
import type { Keys } from '../keys.ts';
import type { Links } from '../link/links.ts';
import { PublishBatch } from './publish-batch.ts';
import { KEY_REPAIRED } from '../link/scripts.ts';

/** Answer of `once.lua`. */
const PUBLISHED_BEFORE = -1;

/** Publishes events. Those of one event-loop tick and one partition go in one script, each channel's in their order. */
export class Publisher {
  readonly #deadlines: DeadlineScripts;
  readonly #links: Links;
  readonly #keys: Keys;
  /** Batches that are sent at the end of this tick, in their order. */
  #batches: PublishBatch[] = [];
  /** The batch of each partition that still takes events. */
  #openBatches = new Map<number, PublishBatch>();
  readonly #epochPrefix = randomBytes(9).toString('base64url');
  #epochCount = 0;
  readonly #droppedLog: MinuteLog;
  readonly #mostMarks: number;

  /** `mostMarks`: events with an idempotency key that are remembered of an app in each partition. */
  constructor(deps: {
    deadlines: DeadlineScripts;
    links: Links;
    keys: Keys;
    droppedLog: MinuteLog;
    mostMarks?: number | undefined;
  }) {
    this.#mostMarks = deps.mostMarks ?? DEFAULT_IDEMPOTENCY_LIMITS.keys;
    this.#deadlines = deps.deadlines;
    this.#links = deps.links;
    this.#keys = deps.keys;
    this.#droppedLog = deps.droppedLog;
  }

  /**
   * Resolves when Redis has published the event; rejects with `Unavailable` when it never will, with `OutcomeUnknown` when that
   * is unknown. All events of one script share one promise.
   */
  publish(ref: ChannelRef, event: ChannelEvent, keep: Retention | undefined): Promise<void> {
    const keys = this.#keys.channel(ref);
    const { text, bytes } = encodeEvent(event);
    let batch = this.#openBatches.get(keys.partition);
    if (batch?.hasRoom(bytes) !== true) batch = this.#openBatch(keys.partition);
    batch.add(keys, text, bytes, keep);
    return batch.published;
  }

  /** As `publish`, in a script of its own: the script does all or nothing. Resolves with false when it was published before. */
  async publishOnce(
    ref: ChannelRef,
    event: ChannelEvent,
    { id, ttlMs }: Once,
    keep: Retention | undefined,
  ): Promise<boolean> {
    const keys = this.#keys.channel(ref);
    const { text, bytes } = encodeEvent(event);
    const batch = this.#openBatch(keys.partition);
    // What follows goes into another batch, after this one.
    this.#openBatches.delete(keys.partition);
    batch.add(keys, text, bytes, keep);
    const marks = this.#keys.publishedOnce(keys.partition, ref.app);
    batch.once = { key: marks, args: [`${id}:${keys.channelKey}`, ttlMs, this.#mostMarks] };
    await batch.published;
    return !batch.wasPublished;
  }

  #openBatch(partition: number): PublishBatch {
    const batch = new PublishBatch(partition, this.#keys.partitions);
    this.#openBatches.set(partition, batch);
    if (this.#batches.push(batch) === 1) setImmediate(() => this.#flush());
    return batch;
  }

  #flush(): void {
    const batches = this.#batches;
    this.#batches = [];
    this.#openBatches = new Map();
    for (const batch of batches) void this.#send(batch);
  }

  async #send(batch: PublishBatch): Promise<void> {
    try {
      await (batch.isKept || batch.once !== undefined ? this.#sendKept(batch) : this.#sendUnkept(batch));
      batch.resolve();
    } catch (error) {
      batch.reject(error);
    }
  }

  async #sendUnkept(batch: PublishBatch): Promise<void> {
    await this.#deadlines.send(
      batch.partition,
      'publish-unkept',
      [],
      [this.#links.publishCommand, ...batch.messages()],
    );
  }

  async #sendKept(batch: PublishBatch): Promise<void> {
    const keys = [this.#keys.generation(batch.partition), ...batch.keys()];
    const args = [this.#links.publishCommand, this.#newEpoch(), batch.groupCount, ...batch.args()];
    const { once } = batch;
    const answer = await (once === undefined
      ? this.#deadlines.send(batch.partition, 'publish', keys, args)
      : this.#deadlines.send(batch.partition, 'publish-once', [...keys, once.key], [...args, ...once.args]));
    batch.wasPublished = answer[0] === PUBLISHED_BEFORE;
    this.#report(batch, answer);
  }

  /** `answer`: for each app of the batch, how many histories were dropped early; then the keys that were repaired. */
  #report(batch: PublishBatch, answer: readonly (number | string)[]): void {
    for (const [at, each] of answer.entries()) {
      if (typeof each === 'string') this.#links.commands.emit(KEY_REPAIRED, each);
      else if (each > 0) this.#droppedLog.add({ app: batch.apps[at] ?? '' }, each);
    }
  }

  /** Returns an epoch for channels that have none: unique over all nodes. */
  #newEpoch(): string {
    this.#epochCount += 1;
    return `${this.#epochPrefix}-${this.#epochCount.toString(36)}`;
  }
}
