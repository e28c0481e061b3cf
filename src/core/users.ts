import {
  encode,
  errors,
  memberFromUser,
  ProtocolError,
  type SignedInUser,
  type WatchlistEvent,
} from '#protocol';
import { channelMapKey } from './util/channel-map-key.ts';
import { userChannel, userOfUserChannel } from './channels/user-channel.ts';
import type { Connection } from './client/connection.ts';
import type { Hub } from './channels/hub.ts';
import { MultiMap } from './util/multi-map.ts';
import type { Clock } from './ports/clock.ts';
import type { Broker, ChannelEvent, ChannelRef } from './ports/events.ts';
import type { Membership } from './ports/membership.ts';
import { ifUnavailable } from './ports/failures.ts';

/** Delay before `offline` is sent, so that a page reload does not count as leaving. */
export const OFFLINE_AFTER_MS = 3000;

type OnlineState = WatchlistEvent['name'];

interface UsersDeps {
  readonly hub: Hub;
  readonly membership: Membership;
  readonly broker: Broker;
  readonly clock: Clock;
}

/** Signed-in users and the sockets that watch them (SPEC 6.5, 6.7). The changes for one watcher are sent together, at a tick. */
export class Users {
  readonly #deps: UsersDeps;
  readonly #sockets = new MultiMap<string, Connection>();
  readonly #watchers = new MultiMap<string, Connection>();
  /** Users whose last socket left: online until `dueMs`, then `offline` is sent if the cluster has seen them leave (`isOffline`). */
  readonly #leaving = new Map<
    string,
    { readonly ref: ChannelRef; readonly dueMs: number; readonly isOffline: boolean }
  >();
  readonly #changes = new Map<Connection, Map<string, OnlineState>>();

  constructor(deps: UsersDeps) {
    this.#deps = deps;
  }

  /**
   * Resolves when the user is in the membership that all nodes share, with the ids of the watchlist that were not watched before. A second sign-in
   * of the same user changes the watchlist alone (SPEC 6.2).
   */
  async signedIn(connection: Connection, user: SignedInUser): Promise<readonly string[]> {
    const before = connection.user;
    connection.user = before === undefined ? user : { ...before, watchlist: user.watchlist };
    const watched = new Set(before?.watchlist);
    const added = user.watchlist.filter((id) => !watched.delete(id));
    const joined = before === undefined ? this.#join(connection, user) : undefined;
    await Promise.all([joined, this.#unwatch(connection, [...watched]), this.#watch(connection, added)]);
    return added;
  }

  /** SPEC 6.1, 6.2, 6.5: the part of a sign-in that follows when its user is proved. */
  async completeSignin(connection: Connection, user: SignedInUser, userData: string): Promise<void> {
    connection.authorized = true;
    const added = await this.signedIn(connection, user);
    connection.send(encode.signinSuccess(userData));
    if (user.watchlistOverflow) connection.refuse(new ProtocolError(errors.watchlistLimit));
    await this.sendOnlineUsers(connection, added);
  }

  /** SPEC 6.5: sends which of these users are online, and which are not. */
  async sendOnlineUsers(connection: Connection, ids: readonly string[]): Promise<void> {
    if (ids.length === 0) return;
    const presences = ids.map(
      async (id) => [id, await this.#onlineStateOf(userChannel(connection.app.id, id))] as const,
    );
    const state = new Map(await Promise.all(presences));
    // A change that arrived meanwhile is older than the answer, or is sent at the next tick.
    sendOnlineStates(connection, state);
  }

  async signedOut(connection: Connection): Promise<void> {
    const { user } = connection;
    if (user === undefined) return;
    const ref = userChannel(connection.app.id, user.id);
    this.#changes.delete(connection);
    const unwatched = this.#unwatch(connection, user.watchlist);
    const isLast = this.#sockets.delete(channelMapKey(ref), connection);
    if (isLast) this.#startLeaving(ref, false);
    const left = isLast
      ? this.#deps.membership.leave(ref, { subscriptions: 0, member: memberFromUser(user) })
      : undefined;
    await Promise.all([unwatched, left]);
  }

  /** Takes the change of a signed-in user, from this node or another. False: the event belongs to another channel. */
  handleEvent(ref: ChannelRef, { memberChange: change }: ChannelEvent): boolean {
    if (userOfUserChannel(ref.channel) === undefined) return false;
    const key = channelMapKey(ref);
    if (change?.joined === true) {
      if (!this.#leaving.delete(key)) this.#queue(ref, 'online');
    } else if (change?.joined === false && this.#watchers.has(key)) this.#startLeaving(ref, true);
    return true;
  }

  /** SPEC 6.7: ends every socket of this node that is signed in as the user or is that member of a presence channel. */
  terminate(app: string, user: string): void {
    const sockets = new Set(this.#sockets.get(channelMapKey(userChannel(app, user))));
    for (const connection of this.#deps.hub.connections(app)) {
      if (connection.subscriptions.some(({ member }) => member?.id === user)) sockets.add(connection);
    }
    const { message } = errors.terminatedByApp;
    for (const connection of sockets) connection.close({ code: connection.app.terminateCloseCode, message });
  }

  /** Called about once a second. */
  tick(): void {
    const now = this.#deps.clock();
    for (const [key, { ref, dueMs, isOffline }] of this.#leaving) {
      if (dueMs > now) continue;
      this.#leaving.delete(key);
      if (isOffline) this.#queue(ref, 'offline');
    }
    for (const [connection, changes] of this.#changes)
      if (changes.size > 0) sendOnlineStates(connection, changes);
    this.#changes.clear();
  }

  #startLeaving(ref: ChannelRef, isOffline: boolean): void {
    this.#leaving.set(channelMapKey(ref), { ref, dueMs: this.#deps.clock() + OFFLINE_AFTER_MS, isOffline });
  }

  /** `undefined`: another socket of this node is signed in as the user. */
  #join(connection: Connection, user: SignedInUser): Promise<void> | undefined {
    const ref = userChannel(connection.app.id, user.id);
    if (!this.#sockets.add(channelMapKey(ref), connection)) return undefined;
    const { socketId } = connection;
    return this.#deps.membership.join(ref, { subscriptions: 1, member: memberFromUser(user), socketId });
  }

  async #watch(connection: Connection, ids: readonly string[]): Promise<void> {
    const refs = ids.map((id) => userChannel(connection.app.id, id));
    const fresh = refs.filter((ref) => this.#watchers.add(channelMapKey(ref), connection));
    await Promise.all(fresh.map((ref) => this.#deps.broker.subscribe(ref)));
  }

  async #unwatch(connection: Connection, ids: readonly string[]): Promise<void> {
    for (const id of ids) this.#changes.get(connection)?.delete(id);
    const refs = ids.map((id) => userChannel(connection.app.id, id));
    const alone = refs.filter((ref) => this.#watchers.delete(channelMapKey(ref), connection));
    await Promise.all(alone.map((ref) => this.#deps.broker.unsubscribe(ref)));
  }

  #queue(ref: ChannelRef, presence: OnlineState): void {
    for (const watcher of this.#watchers.get(channelMapKey(ref))) {
      const changes = this.#changes.get(watcher) ?? new Map<string, OnlineState>();
      this.#changes.set(watcher, changes.set(userOfUserChannel(ref.channel) ?? '', presence));
    }
  }

  async #onlineStateOf(ref: ChannelRef): Promise<OnlineState> {
    if (this.#sockets.has(channelMapKey(ref))) return 'online';
    const members = await ifUnavailable(this.#deps.membership.members(ref), () => []);
    if (members.length > 0) return 'online';
    if (!this.#leaving.has(channelMapKey(ref))) return 'offline';
    this.#startLeaving(ref, true);
    return 'online';
  }
}

function sendOnlineStates(connection: Connection, changes: ReadonlyMap<string, OnlineState>): void {
  const named = (name: OnlineState): WatchlistEvent[] => {
    const userIds = [...changes].filter(([, presence]) => presence === name).map(([user]) => user);
    return userIds.length === 0 ? [] : [{ name, userIds }];
  };
  connection.send(encode.watchlistEvents([...named('online'), ...named('offline')]));
}
