import type { Connection } from '../client/connection.ts';
import type { ChannelRef } from '../ports/events.ts';
import type { Traffic } from '../traffic/traffic.ts';
import { LocalChannel } from './local-channel.ts';

interface AppScope {
  readonly connections: Map<string, Connection>;
  readonly channels: Map<string, LocalChannel>;
}

/** The connections and channels of each app on this node. Apps never see each other: every look-up begins with the app. */
export class AppScopes {
  readonly #scopes = new Map<string, AppScope>();
  readonly #traffic: Traffic;

  constructor(traffic: Traffic) {
    this.#traffic = traffic;
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
    for (const [id, scope] of this.#scopes) {
      if (app === undefined || app === id) yield* scope.connections.values();
    }
  }

  get size(): number {
    let size = 0;
    for (const { connections } of this.#scopes.values()) size += connections.size;
    return size;
  }

  known({ app, channel }: ChannelRef): LocalChannel | undefined {
    return this.#scopes.get(app)?.channels.get(channel);
  }

  /** Returns a channel, which is made if nobody is on it. */
  channel(ref: ChannelRef): LocalChannel {
    const { channels } = this.#scope(ref.app);
    let channel = channels.get(ref.channel);
    if (channel === undefined) {
      channel = new LocalChannel(ref, this.#traffic.of(ref.app));
      channels.set(ref.channel, channel);
    }
    return channel;
  }

  /** Forgets a channel that nobody is on. */
  forgetUnused({ ref, occupants, callsInside }: LocalChannel): void {
    if (occupants > 0 || callsInside > 0) return;
    this.#scopes.get(ref.app)?.channels.delete(ref.channel);
    this.#forgetEmpty(ref.app);
  }

  #scope(app: string): AppScope {
    let scope = this.#scopes.get(app);
    if (scope === undefined) {
      scope = { connections: new Map(), channels: new Map() };
      this.#scopes.set(app, scope);
    }
    return scope;
  }

  #forgetEmpty(app: string): void {
    const scope = this.#scopes.get(app);
    if (scope?.connections.size === 0 && scope.channels.size === 0) this.#scopes.delete(app);
  }
}
