import { createHash } from 'node:crypto';
import type { ChannelRef } from '../../core/ports.ts';

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
  readonly bus: string;
  usersOf(node: string): string;
}

/** Names of everything in Redis. Nothing that a client says can make one that belongs to something else. */
export class Keys {
  readonly #prefix: string;
  readonly partitions: number;

  constructor(prefix: string, partitions: number) {
    this.#prefix = prefix;
    this.partitions = partitions;
  }

  channel({ app, channel }: ChannelRef): ChannelKeys {
    const row = `${Buffer.byteLength(app)}:${app}:${channel}`;
    const partition = createHash('sha1').update(row).digest().readUInt32BE(0) % this.partitions;
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
