import { randomBytes } from 'node:crypto';
import type { MinuteLog } from '../../../core/util/minute-log.ts';
import type { Retention } from '../../../core/app.ts';
import type { ChannelEvent, ChannelRef } from '../../../core/ports/cluster.ts';
import { encodeEvent } from './message-codec.ts';
import type { DeadlineScripts } from '../deadline/deadline-scripts.ts';
import type { Keys } from '../keys.ts';
import type { Links } from '../link/links.ts';
import { PublishBatch } from './publish-batch.ts';
import { KEY_MENDED } from '../link/scripts.ts';

/** Publishes events: those of one moment and one partition in one script, each channel's in their order. */
export class Publisher {
  readonly #deadlines: DeadlineScripts;
  readonly #links: Links;
  readonly #keys: Keys;
  /** What leaves next, in its order, and to which of it each partition's events may still be added. */
  #loads: PublishBatch[] = [];
  #open = new Map<number, PublishBatch>();
  readonly #epochs = randomBytes(9).toString('base64url');
  #epoch = 0;
  readonly #dropped: MinuteLog;

  constructor(needs: { deadlines: DeadlineScripts; links: Links; keys: Keys; dropped: MinuteLog }) {
    this.#deadlines = needs.deadlines;
    this.#links = needs.links;
    this.#keys = needs.keys;
    this.#dropped = needs.dropped;
  }

  /**
   * Resolves when Redis has taken it; rejects with `Unavailable` when it never will, with `OutcomeUnknown` when that is
   * not known. What goes in one script has one promise.
   */
  publish(ref: ChannelRef, event: ChannelEvent, keep: Retention | undefined): Promise<void> {
    const keys = this.#keys.channel(ref);
    const { text, bytes } = encodeEvent(event);
    let load = this.#open.get(keys.partition);
    if (load?.hasRoom(bytes) !== true) load = this.#begin(keys.partition);
    load.add(keys, text, bytes, keep);
    return load.taken;
  }

  #begin(partition: number): PublishBatch {
    const load = new PublishBatch(partition, this.#keys.partitions);
    this.#open.set(partition, load);
    if (this.#loads.push(load) === 1) setImmediate(() => this.#flush());
    return load;
  }

  #flush(): void {
    const loads = this.#loads;
    this.#loads = [];
    this.#open = new Map();
    for (const load of loads) void this.#send(load);
  }

  async #send(load: PublishBatch): Promise<void> {
    try {
      await (load.isRemembered ? this.#remember(load) : this.#tell(load));
      load.done();
    } catch (error) {
      load.failed(error);
    }
  }

  async #tell(load: PublishBatch): Promise<void> {
    await this.#deadlines.send(load.partition, 'tell', [], [this.#links.publishCommand, ...load.messages()]);
  }

  async #remember(load: PublishBatch): Promise<void> {
    const keys = [this.#keys.generation(load.partition), ...load.keys()];
    const args = [this.#links.publishCommand, this.#newEpoch(), load.channels, ...load.args()];
    this.#count(load, await this.#deadlines.send(load.partition, 'publish', keys, args));
  }

  /** Of each app, in the order of the load, how much of what is remembered had to go; then keys that were mended. */
  #count(load: PublishBatch, answer: readonly (number | string)[]): void {
    for (const [at, each] of answer.entries()) {
      if (typeof each === 'string') this.#links.commands.emit(KEY_MENDED, each);
      else if (each > 0) this.#dropped.add({ app: load.apps[at] ?? '' }, each);
    }
  }

  /** For channels that have none: never given twice, by no node. */
  #newEpoch(): string {
    this.#epoch += 1;
    return `${this.#epochs}-${this.#epoch.toString(36)}`;
  }
}
