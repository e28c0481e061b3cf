import { errors } from '#protocol';
import type { App } from '../app.ts';
import type { AppChange } from '../ports/apps.ts';
import type { Connection } from './connection.ts';

/** Connections that are closed without a pause: others are served between two of these. */
const CLOSED_AT_ONCE = 200;

/** The connections of this node. */
interface Connections {
  connections(app: string): Iterable<Connection>;
}

/**
 * Brings changes of apps to the clients that are connected (SPEC 2.18): what is decided about them from now on is decided by the
 * app as it is now, and the clients of an app that is switched off or removed are closed.
 */
export function applyAppChanges(hub: Connections, changes: readonly AppChange[]): void {
  const leaving: Connection[] = [];
  for (const { before, after } of changes) {
    if (before === undefined) continue;
    const app = after ?? { ...before, enabled: false };
    for (const connection of hub.connections(before.id)) {
      useApp(connection, app);
      if (!app.enabled) leaving.push(connection);
    }
  }
  closeDisabled(leaving);
}

/** Limiters are made anew with the rates of the app, when they are needed next. */
function useApp(connection: Connection, app: App): void {
  const { limits, rateLimiting } = connection.app;
  const hasOtherRates =
    limits.messagesPerSecond !== app.limits.messagesPerSecond ||
    limits.messageBurst !== app.limits.messageBurst ||
    limits.clientEventsPerSecond !== app.limits.clientEventsPerSecond ||
    !isSame(rateLimiting, app.rateLimiting);
  connection.app = app;
  if (!hasOtherRates || connection.limiters === undefined) return;
  const { clientEventsInFlight } = connection.limiters;
  connection.limiters = clientEventsInFlight === undefined ? undefined : { clientEventsInFlight };
}

const isSame = (one: App['rateLimiting'], other: App['rateLimiting']): boolean =>
  one?.maxAttempts === other?.maxAttempts && one?.decaySeconds === other?.decaySeconds;

/** Closes in groups. An app that is switched on again meanwhile keeps the clients that it still has. */
function closeDisabled(connections: Connection[]): void {
  for (const connection of connections.splice(0, CLOSED_AT_ONCE))
    if (!connection.app.enabled) connection.close(errors.appDisabled);
  if (connections.length > 0) setImmediate(() => closeDisabled(connections));
}
