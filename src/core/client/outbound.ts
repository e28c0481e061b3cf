import type { Connection } from './connection.ts';
import { STOP_READING } from './reading.ts';
import type { Refusals } from '../refusals/refusals.ts';

export interface OutboundLimits {
  /** Unsent bytes above which a client is not read, and gets no best-effort events. */
  readonly softBytes: number;
  /** Unsent bytes, without the largest frame among them, above which a client is disconnected: it does not read. */
  readonly hardBytes: number;
}

/**
 * Limits the unsent bytes of each client (SPEC 2.16). `Connection.write`, which every frame of an admitted client passes, applies
 * it: above the soft limit the client is not read until the network has taken enough, above the hard limit it is disconnected.
 */
export class Outbound {
  readonly softBytes: number;
  /** Unsent bytes up to which there is nothing to check. */
  readonly leastBytes: number;
  readonly #hardBytes: number;
  readonly #refusals: Pick<Refusals, 'count'>;

  constructor({ softBytes, hardBytes }: OutboundLimits, refusals: Pick<Refusals, 'count'>) {
    this.softBytes = softBytes;
    this.#hardBytes = hardBytes;
    this.leastBytes = Math.min(softBytes, hardBytes);
    this.#refusals = refusals;
  }

  /** Called when a write left more than `leastBytes` unsent. */
  check(connection: Connection): void {
    const { socket } = connection;
    const isOverHard =
      socket.bufferedBytes > this.#hardBytes && socket.bytesBeyondLargestFrame > this.#hardBytes;
    if (isOverHard) this.cut(connection);
    else if (socket.bufferedBytes > this.softBytes) this.#hold(connection);
  }

  /** Ends a socket that does not read: a close frame would only queue behind what it does not take. */
  cut(connection: Connection): void {
    if (connection.closing) return;
    const { app, socketId } = connection;
    const { bufferedBytes, remoteAddress: address } = connection.socket;
    this.#refusals.count('slow_reader', { app: app.id, address, socket: socketId, bufferedBytes });
    connection.terminate('slow_reader');
  }

  #hold(connection: Connection): void {
    if (connection.isSlowReader) return;
    connection.isSlowReader = true;
    connection.socket.stopReading(STOP_READING.outboundFull);
    this.#await(connection);
  }

  #await(connection: Connection): void {
    connection.socket.whenFlushed(() => {
      if (connection.closing) return;
      if (connection.socket.bufferedBytes > this.softBytes) this.#await(connection);
      else this.#release(connection);
    });
  }

  #release(connection: Connection): void {
    connection.isSlowReader = false;
    connection.socket.resumeReading(STOP_READING.outboundFull);
    connection.endBacklogWait?.();
  }
}
