import type { Connection } from '../client/connection.ts';
import type { AppShare } from './fan-out/app-share.ts';
import type { ChannelRef } from '../ports/events.ts';

interface AppScope<Channel> {
  readonly share: AppShare<Channel>;
  readonly connections: Map<string, Connection>;
  readonly channels: Map<string, Channel>;
}

/** A channel that is forgotten when nobody is on it, and no call is about to change that. */
interface Occupied {
  readonly ref: ChannelRef;
  readonly occupants: number;
  readonly callsInside: number;
}

/** The connections and channels of each app on this node. Apps never see each other: every look-up begins with the app. */
export class AppScopes<Channel extends Occupied> {
  readonly #scopes = new Map<string, AppScope<Channel>>();
  readonly #createShare: (app: string) => AppShare<Channel>;
  readonly #createChannel: (ref: ChannelRef, share: AppShare<Channel>) => Channel;

  constructor(
    createShare: (app: string) => AppShare<Channel>,
    createChannel: (ref: ChannelRef, share: AppShare<Channel>) => Channel,
  ) {
    this.#createShare = createShare;
    this.#createChannel = createChannel;
  }

  /** False when a connection of that app has this id already. */
  add(connection: Connection): boolean {
    const { connections } = this.#scope(connection.app.id);
    if (connections.has(connection.socketId)) return false;
    connections.set(connection.socketId, connection);
    return true;
  }

  remove(connection: Connection): void {
    this.#scopes.get(connection.app.id)?.connections.delete(connection.socketId);
    this.#forgetEmpty(connection.app.id);
  }

  connection(app: string, socketId: string): Connection | undefined {
    return this.#scopes.get(app)?.connections.get(socketId);
  }

  /** Lists the connections of one app, or of all. */
  *connections(app?: string): Iterable<Connection> {
    if (app !== undefined) return yield* this.#scopes.get(app)?.connections.values() ?? [];
    for (const { connections } of this.#scopes.values()) yield* connections.values();
  }

  get size(): number {
    let size = 0;
    for (const { connections } of this.#scopes.values()) size += connections.size;
    return size;
  }

  /** Connections of one app. */
  connectionCount(app: string): number {
    return this.#scopes.get(app)?.connections.size ?? 0;
  }

  /** Apps with connections or channels. */
  apps(): Iterable<string> {
    return this.#scopes.keys();
  }

  channelsOf(app: string): Iterable<Channel> {
    return this.#scopes.get(app)?.channels.values() ?? [];
  }

  known({ app, channel }: ChannelRef): Channel | undefined {
    return this.#scopes.get(app)?.channels.get(channel);
  }

  /** Returns a channel, which is made if nobody is on it. */
  channel(ref: ChannelRef): Channel {
    const { channels, share } = this.#scope(ref.app);
    let channel = channels.get(ref.channel);
    if (channel === undefined) {
      channel = this.#createChannel(ref, share);
      channels.set(ref.channel, channel);
    }
    return channel;
  }

  /** Forgets a channel that nobody is on. */
  forgetUnused({ ref, occupants, callsInside }: Channel): void {
    if (occupants > 0 || callsInside > 0) return;
    this.#scopes.get(ref.app)?.channels.delete(ref.channel);
    this.#forgetEmpty(ref.app);
  }

  #scope(app: string): AppScope<Channel> {
    let scope = this.#scopes.get(app);
    if (scope === undefined) {
      scope = { share: this.#createShare(app), connections: new Map(), channels: new Map() };
      this.#scopes.set(app, scope);
    }
    return scope;
  }

  #forgetEmpty(app: string): void {
    const scope = this.#scopes.get(app);
    if (scope?.connections.size === 0 && scope.channels.size === 0) this.#scopes.delete(app);
  }
}
