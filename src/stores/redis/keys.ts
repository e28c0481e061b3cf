import { LRUCache } from 'lru-cache';
import type { ChannelRef } from '../../core/ports/cluster.ts';

/** Channels whose names are kept ready: publishing asks for them with each event. */
const MOST_KEPT = 10_000;

/**
 * What an app keeps in one partition: its histories by the time at which they expire, and their bytes; its last events
 * likewise. One object for each app and partition.
 */
export interface Accounts {
  readonly app: string;
  readonly keys: readonly [histories: string, historyBytes: string, lasts: string, lastBytes: string];
}

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
  readonly accounts: Accounts;
  readonly bus: string;
  usersOf(node: string): string;
}

/**
 * Names of everything in Redis. Nothing that a client says can make one that belongs to something else. All carry the
 * number of the database, which channels of the bus do not have by themselves; those of an app carry its scope.
 */
export class Keys {
  readonly #prefix: string;
  readonly partitions: number;
  /** By app id; the empty id is the installation as a whole. */
  #scopes: ReadonlyMap<string, string>;
  readonly #kept = new LRUCache<string, ChannelKeys>({ max: MOST_KEPT });
  readonly #accounts = new Map<string, Accounts>();
  /** Events of one channel come in runs. */
  #latest: (ChannelRef & { readonly keys: ChannelKeys }) | undefined;

  constructor(
    prefix: string,
    partitions: number,
    database = 0,
    scopes: ReadonlyMap<string, string> = new Map(),
  ) {
    this.#prefix = `${prefix}${database}:`;
    this.partitions = partitions;
    this.#scopes = scopes;
  }

  /** Which installation's app of this id is meant; '' for an app that is not known here. */
  scopeOf = (app: string): string => this.#scopes.get(app) ?? '';

  /** True when a name has changed by it. */
  rename(scopes: ReadonlyMap<string, string>): boolean {
    const isSame = [...scopes].every(([app, scope]) => this.scopeOf(app) === scope);
    if (isSame) return false;
    this.#scopes = scopes;
    this.#latest = undefined;
    this.#kept.clear();
    this.#accounts.clear();
    return true;
  }

  channel({ app, channel }: ChannelRef): ChannelKeys {
    const latest = this.#latest;
    if (latest?.app === app && latest.channel === channel) return latest.keys;
    const keys = this.#found(app, channel);
    this.#latest = { app, channel, keys };
    return keys;
  }

  #found(app: string, channel: string): ChannelKeys {
    const row = this.startOfRows(app) + channel;
    let keys = this.#kept.get(row);
    if (keys === undefined) this.#kept.set(row, (keys = this.#named(app, row)));
    return keys;
  }

  #named(app: string, row: string): ChannelKeys {
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
      accounts: this.#accountsOf(partition, app),
      bus: `${this.bus(partition)}${row}`,
      usersOf: (node) => `${base}:m:${node}`,
    };
  }

  /** What the rows of an app's channels begin with: unambiguous whatever characters ids have. */
  startOfRows(app: string): string {
    const scoped = this.#scoped(app);
    return `${Buffer.byteLength(scoped)}:${scoped}:`;
  }

  generation = (partition: number): string => `${this.#tag(partition)}:g`;
  nodes = (partition: number): string => `${this.#tag(partition)}:nodes`;
  index = (partition: number, node: string): string => `${this.#tag(partition)}:n:${node}`;
  occupied = (partition: number, app: string): string =>
    `${this.occupiedSets(partition)}${this.#scoped(app)}`;
  /** What the keys of a partition's channels, occupied sets and bus channels begin with. */
  channels = (partition: number): string => `${this.#tag(partition)}:c:`;
  occupiedSets = (partition: number): string => `${this.#tag(partition)}:occ:`;
  bus = (partition: number): string => `${this.#tag(partition)}:b:`;
  /** The partition of a key that says who is on a channel; `undefined` for any other key. */
  partitionOfMembers(key: string): number | undefined {
    const partition = Number(/\{p(\d{1,9})\}/.exec(key.slice(this.#prefix.length))?.[1]);
    const starts = [this.channels(partition), this.occupiedSets(partition), this.index(partition, '')];
    return starts.some((start) => key.startsWith(start)) ? partition : undefined;
  }
  connections = (app: string): string => `${this.#tag(0)}:conn:${this.#scoped(app)}`;
  /** One key for each app, so that their number is bounded exactly. */
  signatures = (app: string): string => `${this.#tag(hash(app) % this.partitions)}:sig:${this.#scoped(app)}`;
  /** By it a node finds out whether a script whose answer it lost was carried out. */
  marker = (partition: number, node: string, slot: number): string =>
    `${this.#tag(partition)}:x:${node}:${slot}`;
  /** Between nodes, about nodes: no channel of an app can have this name. */
  control = (): string => `${this.#tag(0)}:control`;
  /** What outlives the nodes. */
  state = (name: string): string => `${this.#tag(0)}:s:${this.scopeOf('')}:${name}`;
  /** Which scope the credentials of each app stand for. */
  scopes = (): string => `${this.#tag(0)}:scopes`;

  #accountsOf(partition: number, app: string): Accounts {
    const place = `${partition} ${app}`;
    const known = this.#accounts.get(place);
    if (known !== undefined) return known;
    const key = (kind: string): string => `${this.#tag(partition)}:${kind}:${this.#scoped(app)}`;
    const accounts: Accounts = { app, keys: [key('hx'), key('hb'), key('lx'), key('lb')] };
    this.#accounts.set(place, accounts);
    return accounts;
  }

  #scoped(app: string): string {
    const scope = this.scopeOf(app);
    return scope === '' ? app : `${scope}:${app}`;
  }

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
