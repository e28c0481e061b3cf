import type { Retention } from '../../../core/app.ts';
import type { Accounts, ChannelKeys } from '../keys.ts';

/** One script takes at most this much, so that Redis is never held for long. */
const EVENTS_PER_SCRIPT = 500;
export const BYTES_PER_SCRIPT = 1024 * 1024;

/** Events that follow one another on one channel and are kept alike. */
interface Group {
  readonly keys: ChannelKeys;
  readonly keep: Retention | undefined;
  text: string;
  count: number;
}

/** What one script publishes: events of one partition, each channel's in their order. */
export class PublishBatch {
  readonly partition: number;
  /** Settles with the script. */
  readonly taken: Promise<void>;
  done!: () => void;
  failed!: (error: unknown) => void;
  readonly #groups: Group[] = [];
  readonly #latest = new Map<string, Group>();
  /** Of the apps whose events these are, each with its number. */
  readonly #accounts = new Map<Accounts, number>();
  readonly #partitions: number;
  #events = 0;
  #bytes = 0;

  constructor(partition: number, partitions: number) {
    this.partition = partition;
    this.#partitions = partitions;
    this.taken = new Promise((done, failed) => {
      this.done = done;
      this.failed = failed;
    });
  }

  /** How many groups there are. */
  get channels(): number {
    return this.#groups.length;
  }

  /** Whose events these are, in the order of the accounts among the keys. */
  get apps(): string[] {
    return [...this.#accounts.keys()].map(({ app }) => app);
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
    const channels = this.#groups.flatMap(({ keys: { history, position, last } }) => [
      history,
      position,
      last,
    ]);
    for (const { keys } of this.#accounts.keys()) channels.push(...keys);
    return channels;
  }

  /** True when any of it is remembered. */
  get isRemembered(): boolean {
    return this.#groups.some(({ keep }) => isRemembering(keep));
  }

  /** As `tell.lua` takes what is not remembered. */
  messages(): string[] {
    return this.#groups.flatMap(({ keys, count, text }) => [keys.bus, `e - - 0 ${count}\n${text}`]);
  }

  /** As `publish.lua` takes them. Events as text: buffers of this size make the garbage collector look at everything. */
  args(): (string | number)[] {
    return this.#groups.flatMap(({ keys, keep, count, text }) => {
      const { size, ttlSeconds, lastSeconds = 0, appBytes = 0 } = keep ?? NOTHING;
      const kept = [ttlSeconds > 0 ? size : 0, ttlSeconds * 1000, lastSeconds * 1000];
      // Each partition has its share, for on a Cluster none knows of another: half for histories, half for last events.
      const share = Math.ceil(appBytes / this.#partitions / 2);
      return [keys.bus, ...kept, count, text, this.#accounts.get(keys.accounts) ?? 0, share];
    });
  }

  #group(keys: ChannelKeys, keep: Retention | undefined): Group {
    const known = this.#latest.get(keys.bus);
    if (known !== undefined && isSame(known.keep, keep)) return known;
    const group: Group = { keys, keep, text: '', count: 0 };
    this.#latest.set(keys.bus, group);
    this.#groups.push(group);
    if (!this.#accounts.has(keys.accounts)) this.#accounts.set(keys.accounts, this.#accounts.size);
    return group;
  }
}

const NOTHING: Retention = { size: 0, ttlSeconds: 0 };

const isRemembering = ({ size, ttlSeconds, lastSeconds = 0 }: Retention = NOTHING): boolean =>
  (size > 0 && ttlSeconds > 0) || lastSeconds > 0;

const isSame = (one: Retention = NOTHING, other: Retention = NOTHING): boolean =>
  one.size === other.size && one.ttlSeconds === other.ttlSeconds && one.lastSeconds === other.lastSeconds;
