import type { Retention } from '../../core/ports.ts';
import type { ChannelKeys } from './keys.ts';

/** One script takes at most this much, so that Redis is never held for long. */
const EVENTS_PER_SCRIPT = 500;
const BYTES_PER_SCRIPT = 1024 * 1024;

/** Events that follow one another on one channel and are kept alike. */
interface Group {
  readonly keys: ChannelKeys;
  readonly keep: Retention | undefined;
  text: string;
  count: number;
}

/** What one script publishes: events of one partition, each channel's in their order. */
export class Load {
  readonly partition: number;
  /** Settles with the script. */
  readonly taken: Promise<void>;
  done!: () => void;
  failed!: (error: unknown) => void;
  readonly #groups: Group[] = [];
  readonly #latest = new Map<string, Group>();
  #events = 0;
  #length = 0;

  constructor(partition: number) {
    this.partition = partition;
    this.taken = new Promise((done, failed) => {
      this.done = done;
      this.failed = failed;
    });
  }

  /** How many groups there are. */
  get channels(): number {
    return this.#groups.length;
  }

  hasRoom(text: string): boolean {
    return this.#events < EVENTS_PER_SCRIPT && this.#length + text.length <= BYTES_PER_SCRIPT;
  }

  add(keys: ChannelKeys, text: string, keep: Retention | undefined): void {
    const group = this.#group(keys, keep);
    group.text += text;
    group.count += 1;
    this.#events += 1;
    this.#length += text.length;
  }

  keys(): string[] {
    return this.#groups.flatMap(({ keys: { history, position, last } }) => [history, position, last]);
  }

  /** As `publish.lua` takes them. Events as text: buffers of this size make the garbage collector look at everything. */
  args(): (string | number)[] {
    return this.#groups.flatMap(({ keys, keep, count, text }) => {
      const { size, ttlSeconds, lastSeconds = 0 } = keep ?? NOTHING;
      return [keys.bus, ttlSeconds > 0 ? size : 0, ttlSeconds * 1000, lastSeconds * 1000, count, text];
    });
  }

  #group(keys: ChannelKeys, keep: Retention | undefined): Group {
    const known = this.#latest.get(keys.bus);
    if (known !== undefined && isSame(known.keep, keep)) return known;
    const group: Group = { keys, keep, text: '', count: 0 };
    this.#latest.set(keys.bus, group);
    this.#groups.push(group);
    return group;
  }
}

const NOTHING: Retention = { size: 0, ttlSeconds: 0 };

const isSame = (one: Retention = NOTHING, other: Retention = NOTHING): boolean =>
  one.size === other.size && one.ttlSeconds === other.ttlSeconds && one.lastSeconds === other.lastSeconds;
