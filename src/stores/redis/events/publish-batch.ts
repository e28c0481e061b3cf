import type { Retention } from '../../../core/ports/events.ts';
import type { RetentionKeys, ChannelKeys } from '../keys.ts';

/** Limits of one script, so that it never blocks Redis for long. */
const EVENTS_PER_SCRIPT = 500;
export const BYTES_PER_SCRIPT = 1024 * 1024;

/** Successive events of one channel with the same retention. */
interface EventGroup {
  readonly keys: ChannelKeys;
  readonly keep: Retention | undefined;
  text: string;
  count: number;
}

/** Events that one script publishes: those of one partition, each channel's in their order. */
export class PublishBatch {
  readonly partition: number;
  /** Settles with the script. */
  readonly published: Promise<void>;
  /** The mark with which it is published at most once: its key, and the arguments of `once.lua`. */
  once: { readonly key: string; readonly args: readonly (string | number)[] } | undefined;
  /** True when the mark was there. */
  wasPublished = false;
  resolve!: () => void;
  reject!: (error: unknown) => void;
  readonly #groups: EventGroup[] = [];
  readonly #latest = new Map<string, EventGroup>();
  /** Keys of the apps in this batch, each with the app's number. */
  readonly #retention = new Map<RetentionKeys, number>();
  readonly #partitions: number;
  #events = 0;
  #bytes = 0;

  constructor(partition: number, partitions: number) {
    this.partition = partition;
    this.#partitions = partitions;
    this.published = new Promise((done, failed) => {
      this.resolve = done;
      this.reject = failed;
    });
  }

  get groupCount(): number {
    return this.#groups.length;
  }

  /** Apps of the events, in the order of their keys in `keys()`. */
  get apps(): string[] {
    return [...this.#retention.keys()].map(({ app }) => app);
  }

  hasRoom(bytes: number): boolean {
    return this.#events < EVENTS_PER_SCRIPT && this.#bytes + bytes <= BYTES_PER_SCRIPT;
  }

  add(keys: ChannelKeys, text: string, bytes: number, keep: Retention | undefined): void {
    const group = this.#group(keys, keep);
    group.text += text;
    group.count += 1;
    this.#events += 1;
    this.#bytes += bytes;
  }

  keys(): string[] {
    const channels = this.#groups.flatMap(({ keys: { history, position, lastEvent } }) => [
      history,
      position,
      lastEvent,
    ]);
    for (const { keys } of this.#retention.keys()) channels.push(...keys);
    return channels;
  }

  /** True when any of the events is kept. */
  get isKept(): boolean {
    return this.#groups.some(({ keep }) => isKeeping(keep));
  }

  /** Arguments of `publish-unkept.lua`. */
  messages(): string[] {
    return this.#groups.flatMap(({ keys, count, text }) => [keys.pubsubChannel, `e - - 0 ${count}\n${text}`]);
  }

  /** Arguments of `publish.lua`. Events are text, since buffers of this size trigger full garbage collections. */
  args(): (string | number)[] {
    return this.#groups.flatMap(({ keys, keep, count, text }) => {
      const { size, ttlSeconds, lastSeconds = 0, appBytes = 0 } = keep ?? KEEP_NOTHING;
      const kept = [ttlSeconds > 0 ? size : 0, ttlSeconds * 1000, lastSeconds * 1000];
      // Each partition has a share, since on a Cluster it cannot read the others: half for histories, half for last events.
      const share = Math.ceil(appBytes / this.#partitions / 2);
      return [keys.pubsubChannel, ...kept, count, text, this.#retention.get(keys.retention) ?? 0, share];
    });
  }

  #group(keys: ChannelKeys, keep: Retention | undefined): EventGroup {
    const known = this.#latest.get(keys.pubsubChannel);
    if (known !== undefined && isSameRetention(known.keep, keep)) return known;
    const group: EventGroup = { keys, keep, text: '', count: 0 };
    this.#latest.set(keys.pubsubChannel, group);
    this.#groups.push(group);
    if (!this.#retention.has(keys.retention)) this.#retention.set(keys.retention, this.#retention.size);
    return group;
  }
}

const KEEP_NOTHING: Retention = { size: 0, ttlSeconds: 0 };

const isKeeping = ({ size, ttlSeconds, lastSeconds = 0 }: Retention = KEEP_NOTHING): boolean =>
  (size > 0 && ttlSeconds > 0) || lastSeconds > 0;

const isSameRetention = (one: Retention = KEEP_NOTHING, other: Retention = KEEP_NOTHING): boolean =>
  one.size === other.size && one.ttlSeconds === other.ttlSeconds && one.lastSeconds === other.lastSeconds;
