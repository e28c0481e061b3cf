import { randomBytes } from 'node:crypto';
import type { ChannelEvent, ChannelRef, Retention } from '../../core/ports.ts';
import { encodeEvent } from './bus.ts';
import type { ChannelKeys, Keys } from './keys.ts';
import type { Links } from './links.ts';
import { run } from './scripts.ts';

/** One script takes at most this much, so that Redis is never held for long. */
const EVENTS_PER_SCRIPT = 500;
const BYTES_PER_SCRIPT = 1024 * 1024;

interface Pending {
  readonly keys: ChannelKeys;
  readonly text: string;
  readonly keep: Retention | undefined;
  readonly done: () => void;
  readonly failed: (error: unknown) => void;
}

/** Publishes events: those of one moment and one partition in one script, each channel's in their order. */
export class Publisher {
  readonly #links: Links;
  readonly #keys: Keys;
  #pending = new Map<number, Pending[]>();

  constructor(links: Links, keys: Keys) {
    this.#links = links;
    this.#keys = keys;
  }

  /** Resolves when Redis has taken it; rejects with `Unavailable` when that is not known. */
  publish(ref: ChannelRef, event: ChannelEvent, keep: Retention | undefined): Promise<void> {
    const keys = this.#keys.channel(ref);
    return new Promise((done, failed) => {
      if (this.#pending.size === 0) setImmediate(() => this.#flush());
      const pending = this.#pending.get(keys.partition) ?? [];
      this.#pending.set(keys.partition, pending);
      pending.push({ keys, text: encodeEvent(event), keep, done, failed });
    });
  }

  #flush(): void {
    const partitions = this.#pending;
    this.#pending = new Map();
    for (const [partition, events] of partitions) {
      for (const part of parts(events)) void this.#send(partition, part);
    }
  }

  async #send(partition: number, events: readonly Pending[]): Promise<void> {
    const groups = groupsOf(events);
    const keys = groups.flatMap(([{ keys: each }]) => [each.history, each.position]);
    const args = groups.flatMap((group) => {
      const [{ keys: each, keep }] = group;
      const { size = 0, ttlSeconds = 0 } = keep ?? {};
      const kept = ttlSeconds > 0 ? size : 0;
      return [each.bus, kept, ttlSeconds * 1000, group.length, ...group.map(({ text }) => text)];
    });
    const epoch = randomBytes(9).toString('base64url');
    try {
      await run(
        this.#links.commands,
        'publish',
        [this.#keys.generation(partition), ...keys],
        [this.#links.publishCommand, epoch, groups.length, ...args],
      );
      for (const { done } of events) done();
    } catch (error) {
      for (const { failed } of events) failed(error);
    }
  }
}

function parts(events: readonly Pending[]): Pending[][] {
  const found: Pending[][] = [];
  let part: Pending[] = [];
  let bytes = 0;
  for (const event of events) {
    if (
      part.length >= EVENTS_PER_SCRIPT ||
      (part.length > 0 && bytes + event.text.length > BYTES_PER_SCRIPT)
    ) {
      found.push(part);
      part = [];
      bytes = 0;
    }
    part.push(event);
    bytes += event.text.length;
  }
  return part.length > 0 ? [...found, part] : found;
}

type Group = [Pending, ...Pending[]];

/** Events that follow one another on one channel and are kept alike; order is never changed. */
function groupsOf(events: readonly Pending[]): Group[] {
  const groups: Group[] = [];
  const latest = new Map<string, Group>();
  for (const event of events) {
    const group = latest.get(event.keys.bus);
    if (
      group !== undefined &&
      group[0].keep?.size === event.keep?.size &&
      group[0].keep?.ttlSeconds === event.keep?.ttlSeconds
    ) {
      group.push(event);
    } else {
      const fresh: Group = [event];
      latest.set(event.keys.bus, fresh);
      groups.push(fresh);
    }
  }
  return groups;
}
