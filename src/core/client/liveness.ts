import { errors } from '#protocol';
import type { Connection } from './connection.ts';
import type { Hub } from '../channels/hub.ts';
import type { Outbound } from './outbound.ts';
import type { Clock } from '../ports/clock.ts';
import type { Logger } from '../ports/logger.ts';
import type { RefusalReason } from '../refusals/reasons.ts';
import type { Refusals } from '../refusals/refusals.ts';

export interface LivenessLimits {
  /** Time that a pinged client has to answer (SPEC 2.10). */
  readonly pongTimeoutMs: number;
  /** Time for which a socket may have unsent bytes while the network takes none. */
  readonly stallMs: number;
  /** Unsent bytes of all sockets together; above it the largest are ended first. 0: no limit. */
  readonly bufferedTotalBytes: number;
}

/** Pings, prunes and disconnects: one sweep over all sockets, about once a second, in place of timers for each. */
export class Liveness {
  readonly #hub: Hub;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #limits: LivenessLimits;
  readonly #outbound: Outbound;
  readonly #refusals: Pick<Refusals, 'count'>;

  constructor(deps: {
    hub: Hub;
    clock: Clock;
    logger: Logger;
    limits: LivenessLimits;
    outbound: Outbound;
    refusals: Pick<Refusals, 'count'>;
  }) {
    this.#hub = deps.hub;
    this.#clock = deps.clock;
    this.#logger = deps.logger;
    this.#limits = deps.limits;
    this.#outbound = deps.outbound;
    this.#refusals = deps.refusals;
  }

  sweep(): void {
    const now = this.#clock();
    let bufferedTotal = 0;
    for (const connection of this.#hub.connections()) {
      if (connection.closing) continue;
      this.#checkLife(connection, now);
      this.#checkAuthorisation(connection, now);
      bufferedTotal += this.#checkStall(connection, now);
    }
    const { bufferedTotalBytes } = this.#limits;
    if (bufferedTotalBytes > 0 && bufferedTotal > bufferedTotalBytes) this.#relieve(bufferedTotal);
  }

  #checkLife(connection: Connection, now: number): void {
    if (connection.endRateWait !== undefined) return this.#checkSlowed(connection, now);
    const { pingedAtMs, seenAtMs, app, socketId } = connection;
    // Nothing is read from it, so its silence means nothing. A stall shows in the bytes that it takes.
    if (connection.socket.readingStopped) return void (connection.pingedAtMs = 0);
    if (pingedAtMs > 0) {
      if (now - pingedAtMs < this.#limits.pongTimeoutMs) return;
      this.#logger.debug('Connection Pruned', socketId);
      this.#count('pong_timeout', connection);
      connection.close(errors.pongTimeout);
    } else if (now - seenAtMs >= app.pingIntervalSeconds * 1000) {
      this.#logger.debug('Connection Pinged', socketId);
      connection.pingedAtMs = now;
      connection.socket.ping();
    }
  }

  /**
   * SPEC 2.10, 2.12: a client that is slowed down is not read, so its silence means nothing. It is pinged all the same: a
   * write to a peer that is gone fails.
   */
  #checkSlowed(connection: Connection, now: number): void {
    connection.pingedAtMs = 0;
    if (now - connection.seenAtMs < connection.app.pingIntervalSeconds * 1000) return;
    connection.seenAtMs = now;
    connection.socket.ping();
  }

  /** SPEC 6.8. */
  #checkAuthorisation(connection: Connection, now: number): void {
    const limitMs = connection.app.authorizeWithinSeconds * 1000;
    if (limitMs === 0 || connection.authorized || now - connection.openedAtMs < limitMs) return;
    this.#count('unauthorized', connection);
    connection.close(errors.notAuthorizedInTime);
  }

  #count(reason: RefusalReason, { app, socket, socketId }: Connection): void {
    this.#refusals.count(reason, { app: app.id, address: socket.remoteAddress, socket: socketId });
  }

  #checkStall(connection: Connection, now: number): number {
    const { bufferedBytes, isAway } = connection.socket;
    if (bufferedBytes === 0 || isAway === true) {
      connection.stalledAtMs = 0;
      return bufferedBytes;
    }
    const { flushedBytes } = connection.socket;
    if (connection.stalledAtMs === 0 || flushedBytes !== connection.flushedBytes) {
      connection.flushedBytes = flushedBytes;
      connection.stalledAtMs = now;
    } else if (now - connection.stalledAtMs >= this.#limits.stallMs) {
      this.#outbound.cut(connection);
    }
    return bufferedBytes;
  }

  #relieve(bufferedTotal: number): void {
    const largestFirst = [...this.#hub.connections()]
      .filter(({ closing, socket }) => !closing && socket.bufferedBytes > 0)
      .sort((a, b) => b.socket.bufferedBytes - a.socket.bufferedBytes);
    let excess = bufferedTotal - this.#limits.bufferedTotalBytes;
    for (const connection of largestFirst) {
      if (excess <= 0) return;
      excess -= connection.socket.bufferedBytes;
      this.#outbound.cut(connection);
    }
  }
}
