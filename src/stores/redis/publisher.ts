import { randomBytes } from 'node:crypto';
import type { ChannelEvent, ChannelRef, Retention } from '../../core/ports.ts';
import { encodeEvent } from './bus.ts';
import type { MinuteLog } from './minute-log.ts';
import type { Keys } from './keys.ts';
import type { Links } from './links.ts';
import { Load } from './load.ts';
import { KEY_MENDED, run } from './scripts.ts';

/** Publishes events: those of one moment and one partition in one script, each channel's in their order. */
export class Publisher {
  readonly #links: Links;
  readonly #keys: Keys;
  /** What leaves next, in its order, and to which of it each partition's events may still be added. */
  #loads: Load[] = [];
  #open = new Map<number, Load>();
  readonly #epochs = randomBytes(9).toString('base64url');
  #epoch = 0;
  readonly #dropped: MinuteLog;

  constructor(links: Links, keys: Keys, dropped: MinuteLog) {
    this.#links = links;
    this.#keys = keys;
    this.#dropped = dropped;
  }

  /**
   * Resolves when Redis has taken it; rejects with `Unavailable` when that is not known. What goes in one script has
   * one promise.
   */
  publish(ref: ChannelRef, event: ChannelEvent, keep: Retention | undefined): Promise<void> {
    const keys = this.#keys.channel(ref);
    const { text, bytes } = encodeEvent(event);
    let load = this.#open.get(keys.partition);
    if (load?.hasRoom(bytes) !== true) load = this.#begin(keys.partition);
    load.add(ref.app, keys, text, bytes, keep);
    return load.taken;
  }

  #begin(partition: number): Load {
    const load = new Load(partition, this.#keys.partitions);
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

  async #send(load: Load): Promise<void> {
    const { commands, publishCommand } = this.#links;
    const keys = [this.#keys.generation(load.partition), ...load.keys()];
    const args = [publishCommand, this.#newEpoch(), load.channels, ...load.args()];
    try {
      this.#count(load, await run(commands, 'publish', keys, args));
      load.done();
    } catch (error) {
      load.failed(error);
    }
  }

  /** Of each app, in the order of the load, how much of what is remembered had to go; then keys that were mended. */
  #count(load: Load, answer: unknown): void {
    for (const [at, each] of (answer as readonly (number | string)[]).entries()) {
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
