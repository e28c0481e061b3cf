import { errors } from '#protocol';
import type { Clock } from '../ports/clock.ts';
import type { Refusals } from '../refusals/refusals.ts';
import type { Connection } from './connection.ts';

/** Connections that one tick closes (SPEC 15.7): each of them is back at once, and is authorised anew. */
export const MOST_CLOSED = 500;

/** Closes connections whose token has expired (SPEC 15.6): one sweep, about once a second, in place of timers for each. */
export class TokenExpiry {
  readonly #clock: Clock;
  readonly #refusals: Pick<Refusals, 'count'>;
  readonly #watched = new Set<Connection>();

  constructor({ clock, refusals }: { readonly clock: Clock; readonly refusals: Pick<Refusals, 'count'> }) {
    this.#clock = clock;
    this.#refusals = refusals;
  }

  /** Connections whose right has an end. */
  get watched(): number {
    return this.#watched.size;
  }

  /** Called after each sign-in by a token: the end of the newest right counts. */
  watch(connection: Connection): void {
    if (connection.tokenRight?.expiresAtMs === undefined) this.#watched.delete(connection);
    else this.#watched.add(connection);
  }

  /** Called about once a second. */
  tick(): void {
    const now = this.#clock();
    let left = MOST_CLOSED;
    for (const connection of this.#watched) {
      if (connection.closing) this.#watched.delete(connection);
      else if (left > 0 && (connection.tokenRight?.expiresAtMs ?? Infinity) <= now) {
        left -= 1;
        this.#close(connection);
      }
    }
  }

  #close(connection: Connection): void {
    this.#watched.delete(connection);
    const { app, socket, socketId } = connection;
    this.#refusals.count('token_expired', { app: app.id, address: socket.remoteAddress, socket: socketId });
    connection.close(errors.tokenExpired);
  }
}
