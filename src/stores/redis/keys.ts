import { LRUCache } from 'lru-cache';
import type { ChannelRef } from '../../core/ports.ts';

/** Channels whose names are kept ready: publishing asks for them with each event. */
const MOST_KEPT = 10_000;

/** All keys of one channel. They share a hash tag with their partition, so that one script may touch them. */
export interface ChannelKeys {
  readonly partition: number;
  /** The channel in the index of a node: unambiguous whatever characters ids have. */
  readonly row: string;
  readonly counts: string;
  readonly nodesPerUser: string;
  readonly members: string;
  readonly version: string;
  readonly history: string;
  readonly position: string;
  readonly last: string;
  readonly bus: string;
  usersOf(node: string): string;
}

/** Names of everything in Redis. Nothing that a client says can make one that belongs to something else. */
export class Keys {
  readonly #prefix: string;
  readonly partitions: number;
  readonly #kept = new LRUCache<string, ChannelKeys>({ max: MOST_KEPT });
  /** Events of one channel come in runs. */
  #latest: (ChannelRef & { readonly keys: ChannelKeys }) | undefined;

  constructor(prefix: string, partitions: number) {
    this.#prefix = prefix;
    this.partitions = partitions;
  }

  channel({ app, channel }: ChannelRef): ChannelKeys {
    const latest = this.#latest;
    if (latest?.app === app && latest.channel === channel) return latest.keys;
    const keys = this.#found(app, channel);
    this.#latest = { app, channel, keys };
    return keys;
  }

  #found(app: string, channel: string): ChannelKeys {
    const row = `${Buffer.byteLength(app)}:${app}:${channel}`;
    let keys = this.#kept.get(row);
    if (keys === undefined) this.#kept.set(row, (keys = this.#named(row)));
    return keys;
  }

  #named(row: string): ChannelKeys {
    const partition = hash(row) % this.partitions;
    const base = `${this.channels(partition)}${row}`;
    return {
      partition,
      row,
      counts: `${base}:o`,
      nodesPerUser: `${base}:r`,
      members: `${base}:u`,
      version: `${base}:v`,
      history: `${this.#tag(partition)}:h:${row}`,
      position: `${this.#tag(partition)}:p:${row}`,
      last: `${this.#tag(partition)}:l:${row}`,
      bus: `${this.bus(partition)}${row}`,
      usersOf: (node) => `${base}:m:${node}`,
    };
  }

  generation = (partition: number): string => `${this.#tag(partition)}:g`;
  nodes = (partition: number): string => `${this.#tag(partition)}:nodes`;
  index = (partition: number, node: string): string => `${this.#tag(partition)}:n:${node}`;
  occupied = (partition: number, app: string): string => `${this.occupiedSets(partition)}${app}`;
  /** What the keys of a partition's channels, occupied sets and bus channels begin with. */
  channels = (partition: number): string => `${this.#tag(partition)}:c:`;
  occupiedSets = (partition: number): string => `${this.#tag(partition)}:occ:`;
  bus = (partition: number): string => `${this.#tag(partition)}:b:`;
  connections = (app: string): string => `${this.#tag(0)}:conn:${app}`;
  /** Between nodes, about nodes: no channel of an app can have this name. */
  control = (): string => `${this.#tag(0)}:control`;
  /** What outlives the nodes. */
  state = (name: string): string => `${this.#tag(0)}:s:${name}`;

  #tag(partition: number): string {
    return `${this.#prefix}{p${partition}}`;
  }
}

/** FNV-1a, 32 bits: which partition a channel is in, on every node alike. */
function hash(text: string): number {
  let sum = 0x811c9dc5;
  for (let at = 0; at < text.length; at += 1) sum = Math.imul(sum ^ text.charCodeAt(at), 0x01000193);
  return sum >>> 0;
}
