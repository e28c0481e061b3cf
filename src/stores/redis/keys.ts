import { LRUCache } from 'lru-cache';
import type { ChannelRef } from '../../core/ports/channel-ref.ts';

/** Channels whose key names are cached: publishing needs them for each event. */
const MOST_CACHED = 10_000;

/**
 * Keys that bound what an app keeps in one partition: its histories by expiry, their bytes, and the same for its last events.
 * There is one object for each app and partition, so that it can serve as the key of a map.
 */
export interface RetentionKeys {
  readonly app: string;
  readonly keys: readonly [
    histories: string,
    historyBytes: string,
    lastEvents: string,
    lastEventBytes: string,
  ];
}

/** All keys of one channel. They share a hash tag with their partition, so that one script may use them together. */
export interface ChannelKeys {
  readonly partition: number;
  /** Names the channel in the index of a node: unambiguous whatever characters ids have. */
  readonly channelKey: string;
  readonly counts: string;
  readonly nodesPerUser: string;
  readonly members: string;
  readonly version: string;
  readonly history: string;
  readonly position: string;
  readonly lastEvent: string;
  /** Of the partition. */
  readonly generation: string;
  readonly retention: RetentionKeys;
  readonly pubsubChannel: string;
  usersOf(node: string): string;
}

/** Keys of the outbox of webhooks in one partition; an installation has its own. */
export interface OutboxKeys {
  /** Events for the endpoints; each endpoint is a consumer group. */
  readonly stream: string;
  /** Transitions that may still be taken back, by the time at which they are told. */
  readonly waiting: string;
  /** The node that delivers. */
  readonly owner: string;
  /** Nodes that would deliver, by the time at which they were last seen. */
  readonly candidates: string;
  /** Failed attempts of each endpoint and event, and the number of dropped events. */
  readonly attempts: string;
  /** Deliveries that were given up. */
  readonly dead: string;
  /** Events that each installation's outbox takes, for nodes that remove what a failed node held. */
  readonly registry: string;
}

/**
 * Names of everything in Redis. No input of a client can produce a name that belongs to something else. Each name contains
 * the number of the database, which pub/sub ignores; names of an app contain its scope.
 */
export class Keys {
  readonly #prefix: string;
  readonly partitions: number;
  /** By app id; the empty id is the installation as a whole. */
  #scopes: ReadonlyMap<string, string>;
  readonly #cache = new LRUCache<string, ChannelKeys>({ max: MOST_CACHED });
  readonly #retention = new Map<string, RetentionKeys>();
  /** The last result. Events of one channel often follow each other: this saves building the key of the LRU cache. */
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

  /** Returns the scope of an app, '' when the app is not configured here. */
  scopeOf = (app: string): string => this.#scopes.get(app) ?? '';

  /** Takes scopes of apps that have none yet: their names were not used before. Apps that are gone keep theirs. */
  addScopes(scopes: ReadonlyMap<string, string>): void {
    const fresh = [...scopes].filter(([app]) => !this.#scopes.has(app));
    if (fresh.length > 0) this.#scopes = new Map([...this.#scopes, ...fresh]);
  }

  /** Returns true when a name of an app that had a scope has changed by it. */
  useScopes(scopes: ReadonlyMap<string, string>): boolean {
    this.addScopes(scopes);
    const isSame = [...scopes].every(([app, scope]) => this.scopeOf(app) === scope);
    if (isSame) return false;
    this.#scopes = new Map([...this.#scopes, ...scopes]);
    this.#latest = undefined;
    this.#cache.clear();
    this.#retention.clear();
    return true;
  }

  channel({ app, channel }: ChannelRef): ChannelKeys {
    const latest = this.#latest;
    if (latest?.app === app && latest.channel === channel) return latest.keys;
    const keys = this.#cached(app, channel);
    this.#latest = { app, channel, keys };
    return keys;
  }

  #cached(app: string, channel: string): ChannelKeys {
    const channelKey = this.channelKeyPrefix(app) + channel;
    let keys = this.#cache.get(channelKey);
    if (keys === undefined) this.#cache.set(channelKey, (keys = this.#build(app, channelKey)));
    return keys;
  }

  #build(app: string, channelKey: string): ChannelKeys {
    const partition = hash(channelKey) % this.partitions;
    const base = `${this.channelPrefix(partition)}${channelKey}`;
    // o: sockets of each node, r: nodes of each user, u: members, v: version of the roster, h: history, p: position,
    // l: last event.
    return {
      partition,
      channelKey,
      counts: `${base}:o`,
      nodesPerUser: `${base}:r`,
      members: `${base}:u`,
      version: `${base}:v`,
      history: `${this.#tag(partition)}:h:${channelKey}`,
      position: `${this.#tag(partition)}:p:${channelKey}`,
      lastEvent: `${this.#tag(partition)}:l:${channelKey}`,
      generation: this.generation(partition),
      retention: this.#retentionOf(partition, app),
      pubsubChannel: `${this.pubsubPrefix(partition)}${channelKey}`,
      usersOf: (node) => `${base}:m:${node}`,
    };
  }

  /** Begins the channel keys of an app. With the length, app `a` and channel `b:c` differ from app `a:b` and channel `c`. */
  channelKeyPrefix(app: string): string {
    const scoped = this.#scoped(app);
    return `${Buffer.byteLength(scoped)}:${scoped}:`;
  }

  generation = (partition: number): string => `${this.#tag(partition)}:g`;
  nodes = (partition: number): string => `${this.#tag(partition)}:nodes`;
  index = (partition: number, node: string): string => `${this.#tag(partition)}:n:${node}`;
  occupied = (partition: number, app: string): string =>
    `${this.occupiedPrefix(partition)}${this.#scoped(app)}`;
  /** Begins the keys of a partition's channels. */
  channelPrefix = (partition: number): string => `${this.#tag(partition)}:c:`;
  occupiedPrefix = (partition: number): string => `${this.#tag(partition)}:occ:`;
  pubsubPrefix = (partition: number): string => `${this.#tag(partition)}:b:`;
  /** Returns the partition of a key that holds members or counts of channels, `undefined` for any other key. */
  partitionOfMembers(key: string): number | undefined {
    const partition = Number(/\{p(\d{1,9})\}/.exec(key.slice(this.#prefix.length))?.[1]);
    const starts = [this.channelPrefix(partition), this.occupiedPrefix(partition), this.index(partition, '')];
    return starts.some((start) => key.startsWith(start)) ? partition : undefined;
  }
  connections = (app: string): string => `${this.#tag(0)}:conn:${this.#scoped(app)}`;
  /** One key for each app, so that the number of its signatures is bounded exactly. */
  signatures = (app: string): string => `${this.#tag(hash(app) % this.partitions)}:sig:${this.#scoped(app)}`;
  /** Decisions of the auth gateway: those of one owner, the owners of its partition by their end, and what was forgotten there. */
  decisions(owner: string): readonly [ofOwner: string, owners: string, forgotten: string] {
    const partition = hash(owner) % this.partitions;
    const base = this.#decisionsBase(partition);
    return [`${base}:o:${owner}`, `${base}:e`, this.forgottenDecisions(partition)];
  }
  forgottenDecisions = (partition: number): string => `${this.#decisionsBase(partition)}:f`;
  /** One pair for each app, so that the number of its idempotency keys is bounded exactly. */
  idempotency(app: string): readonly [keys: string, requests: string] {
    const tag = this.#tag(hash(app) % this.partitions);
    return [`${tag}:idem:${this.#scoped(app)}`, `${tag}:idemr:${this.#scoped(app)}`];
  }
  /** Events of an app with an idempotency key that were published in a partition. */
  publishedOnce = (partition: number, app: string): string =>
    `${this.#tag(partition)}:once:${this.#scoped(app)}`;
  /** The bucket of an app's requests; beside the leases of the nodes, whose number it needs. */
  requestBucket = (app: string): string => `${this.#tag(0)}:rate:${this.#scoped(app)}`;
  /** Shows a node that lost the answer of a script whether the script ran. */
  marker = (partition: number, node: string, slot: number): string =>
    `${this.#tag(partition)}:x:${node}:${slot}`;
  /** Pub/sub channel for commands between nodes; no channel of an app can have this name. */
  control = (): string => `${this.#tag(0)}:control`;
  /** Pub/sub channel for the numbered messages of the loss meter; no channel of an app can have this name. */
  lossMeter = (partition: number): string => `${this.#tag(partition)}:loss`;
  /** Records of the sockets of a tab. */
  tab = (app: string, tab: string): string =>
    `${this.#tag(hash(tab) % this.partitions)}:t:${this.#scoped(app)}:${tab}`;
  /** Pub/sub channel for the messages of nodes that are behind; no channel of an app can have this name. */
  load = (): string => `${this.#tag(0)}:load`;
  /** Pub/sub channel of one node, for requests of sessions that it holds; no channel of an app can have this name. */
  sessionNode = (name: string): string => `${this.#tag(0)}:session-node:${name}`;
  /** Pub/sub channels for questions to all nodes, and for the answers to one of them (SPEC 16.4). */
  nodeQuestions = (): string => `${this.#tag(0)}:node-questions`;
  nodeAnswers = (name: string): string => `${this.#tag(0)}:node-answers:${name}`;
  /** The node that holds a session of the HTTP fallback. */
  session = (digest: string): string =>
    `${this.#tag(hash(digest) % this.partitions)}:session:${this.scopeOf('')}:${digest}`;
  /** Shared state, which outlives the nodes. */
  state = (name: string): string => `${this.#tag(0)}:s:${this.scopeOf('')}:${name}`;
  outbox(partition: number): OutboxKeys {
    const base = `${this.outboxPrefix(partition)}${this.scopeOf('')}`;
    return {
      stream: `${base}:s`,
      waiting: `${base}:t`,
      owner: `${base}:o`,
      candidates: `${base}:n`,
      attempts: `${base}:a`,
      dead: `${base}:d`,
      registry: this.outboxRegistry(partition),
    };
  }
  /** Begins the keys of the outboxes in a partition; the scope of an installation follows. */
  outboxPrefix = (partition: number): string => `${this.#tag(partition)}:w:`;
  outboxRegistry = (partition: number): string => `${this.#tag(partition)}:webhooks`;
  /** Stands while an event of this type and channel is not added again. */
  onceOnly = (partition: number, type: string, channelKey: string): string =>
    `${this.outboxPrefix(partition)}${this.scopeOf('')}:1:${type}:${channelKey}`;
  /** Names an app as its keys do. */
  scopedApp = (app: string): string => this.#scoped(app);
  /** The scope of each credential. */
  scopes = (): string => `${this.#tag(0)}:scopes`;

  #decisionsBase = (partition: number): string => `${this.#tag(partition)}:auth:${this.scopeOf('')}`;

  #retentionOf(partition: number, app: string): RetentionKeys {
    const place = `${partition} ${app}`;
    const known = this.#retention.get(place);
    if (known !== undefined) return known;
    const key = (kind: string): string => `${this.#tag(partition)}:${kind}:${this.#scoped(app)}`;
    const retention: RetentionKeys = { app, keys: [key('hx'), key('hb'), key('lx'), key('lb')] };
    this.#retention.set(place, retention);
    return retention;
  }

  #scoped(app: string): string {
    const scope = this.scopeOf(app);
    return scope === '' ? app : `${scope}:${app}`;
  }

  #tag(partition: number): string {
    return `${this.#prefix}{p${partition}}`;
  }
}

/** FNV-1a, 32 bits: gives a channel the same partition on every node. */
function hash(text: string): number {
  let sum = 0x811c9dc5;
  for (let at = 0; at < text.length; at += 1) sum = Math.imul(sum ^ text.charCodeAt(at), 0x01000193);
  return sum >>> 0;
}
