import { encode, errors, type SignedInUser, type WatchlistEvent } from '#protocol';
import type { Connection } from './connection.ts';
import type { Hub } from './hub.ts';
import { MultiMap } from './multi-map.ts';
import type { Clock } from './ports.ts';

/** A page reload is not an absence: `offline` waits this long for the user to come back. */
export const OFFLINE_AFTER_MS = 3000;

type Presence = WatchlistEvent['name'];

const keyOf = (app: string, user: string): string => `${app}\n${user}`;

/** Who is signed in, and who wants to know (SPEC 6.5, 6.7). News for one watcher leave together, at a tick. */
export class Users {
  readonly #hub: Hub;
  readonly #clock: Clock;
  readonly #sockets = new MultiMap<string, Connection>();
  readonly #watchers = new MultiMap<string, Connection>();
  /** Users whose last socket left, and when that becomes news. */
  readonly #leaving = new Map<
    string,
    { readonly app: string; readonly user: string; readonly dueMs: number }
  >();
  readonly #news = new Map<Connection, Map<string, Presence>>();

  constructor(needs: { hub: Hub; clock: Clock }) {
    this.#hub = needs.hub;
    this.#clock = needs.clock;
  }

  /** Also when the socket was signed in as this user before: then the new watchlist counts (SPEC 6.2). */
  signedIn(connection: Connection, user: SignedInUser): void {
    this.#unwatch(connection);
    connection.user = user;
    const app = connection.app.id;
    const key = keyOf(app, user.id);
    const cameBack = this.#leaving.delete(key);
    if (this.#sockets.add(key, connection) && !cameBack) this.#tell(app, user.id, 'online');
    for (const watched of user.watchlist) this.#watchers.add(keyOf(app, watched), connection);
    this.#tellCurrentState(connection, user);
  }

  signedOut(connection: Connection): void {
    const { user } = connection;
    if (user === undefined) return;
    const app = connection.app.id;
    const key = keyOf(app, user.id);
    this.#unwatch(connection);
    if (!this.#sockets.delete(key, connection)) return;
    this.#leaving.set(key, { app, user: user.id, dueMs: this.#clock() + OFFLINE_AFTER_MS });
  }

  /** SPEC 6.7: ends every socket that is signed in as the user or is that member of a presence channel. */
  terminate(app: string, user: string): void {
    const sockets = new Set(this.#sockets.get(keyOf(app, user)));
    for (const connection of this.#hub.connections(app)) {
      if (connection.subscriptions.some(({ member }) => member?.id === user)) sockets.add(connection);
    }
    const { message } = errors.terminatedByApp;
    for (const connection of sockets) connection.close({ code: connection.app.terminateCloseCode, message });
  }

  /** Called about once a second. */
  tick(): void {
    const now = this.#clock();
    for (const [key, { app, user, dueMs }] of this.#leaving) {
      if (dueMs > now) continue;
      this.#leaving.delete(key);
      this.#tell(app, user, 'offline');
    }
    for (const [connection, news] of this.#news) send(connection, news);
    this.#news.clear();
  }

  #unwatch(connection: Connection): void {
    const { app, user } = connection;
    for (const watched of user?.watchlist ?? []) this.#watchers.delete(keyOf(app.id, watched), connection);
    this.#news.delete(connection);
  }

  #tell(app: string, user: string, presence: Presence): void {
    for (const watcher of this.#watchers.get(keyOf(app, user))) {
      const news = this.#news.get(watcher) ?? new Map<string, Presence>();
      this.#news.set(watcher, news.set(user, presence));
    }
  }

  #tellCurrentState(connection: Connection, { watchlist }: SignedInUser): void {
    if (watchlist.length === 0) return;
    const app = connection.app.id;
    const isOnline = (user: string): boolean =>
      this.#sockets.has(keyOf(app, user)) || this.#leaving.has(keyOf(app, user));
    send(connection, new Map(watchlist.map((user) => [user, isOnline(user) ? 'online' : 'offline'])));
  }
}

function send(connection: Connection, news: ReadonlyMap<string, Presence>): void {
  const named = (name: Presence): WatchlistEvent[] => {
    const userIds = [...news].filter(([, presence]) => presence === name).map(([user]) => user);
    return userIds.length === 0 ? [] : [{ name, userIds }];
  };
  connection.send(encode.watchlistEvents([...named('online'), ...named('offline')]));
}
