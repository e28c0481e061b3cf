import { type ListedConnection, rowOf } from './connection-row.ts';
import type { FrameNote } from './frame-note.ts';
import type { ClosedConnection } from './questions.ts';

/** Connections of a process whose end is remembered; the oldest is forgotten. */
export const MAX_CLOSED = 1000;

interface ClosingConnection extends ListedConnection {
  readonly app: { readonly id: string };
  readonly closeMessage: string | undefined;
  readonly frames: { readonly notes: readonly FrameNote[] } | undefined;
}

/** The connections that have just closed, if an operator may ask for them. */
export class ClosedConnections {
  /** False: nothing is kept. */
  isKept = false;
  /** By app and socket id, in the order in which they closed. */
  readonly #closed = new Map<string, ClosedConnection>();

  /** `code`: with which the socket closed. */
  add(connection: ClosingConnection, code: number, cause: string, nowMs: number): void {
    if (!this.isKept) return;
    const { app, socketId, closeMessage: message, frames } = connection;
    const closed = { ...rowOf(connection), closedAtMs: nowMs, code, cause, message };
    this.#closed.set(keyOf(app.id, socketId), { ...closed, frames: frames?.notes ?? [] });
    if (this.#closed.size <= MAX_CLOSED) return;
    for (const oldest of this.#closed.keys()) return void this.#closed.delete(oldest);
  }

  get(app: string, socketId: string): ClosedConnection | undefined {
    return this.#closed.get(keyOf(app, socketId));
  }
}

const keyOf = (app: string, socketId: string): string => `${socketId} ${app}`;
