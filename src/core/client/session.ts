import { errors } from '#protocol';
import type { Hub } from '../channels/hub.ts';
import type { SubscriptionCounter } from '../channels/subscription-counter.ts';
import type { Departures } from '../drain/departures.ts';
import { leaveAll } from '../handlers/unsubscribe.ts';
import type { Clock } from '../ports/clock.ts';
import type { Logger } from '../ports/logger.ts';
import type { Handshake, Session, Socket } from '../ports/transport.ts';
import type { Tabs } from '../resume/tabs.ts';
import type { Users } from '../users.ts';
import type { Admission } from './admission.ts';
import type { Connection } from './connection.ts';
import { STOP_READING } from './reading.ts';

/** Messages of one client that may wait for an earlier one. At this number its socket is not read any more. */
const MAX_WAITING = 64;

/** Shared by all sessions of a gateway. */
export interface SessionDeps {
  readonly admission: Pick<Admission, 'admit' | 'dismiss'>;
  /** Handles one message; a promise when the next one has to wait for it. Never throws, and the promise never rejects. */
  readonly messages: { handle(from: Connection, message: Buffer): Promise<void> | undefined };
  readonly users: Pick<Users, 'signedOut'>;
  readonly hub: Hub;
  readonly tabs: Pick<Tabs, 'closed'>;
  readonly departures: Pick<Departures, 'concern' | 'add'>;
  readonly subscriptionCounter: SubscriptionCounter;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** A message, or the code with which the socket closed. */
type QueueItem = Buffer | number;

/**
 * The queue of one client: its admission, its messages and its end happen one after another, so that no message is
 * handled before the admission, and a close in the middle of a subscribe needs no flag. When nothing is in progress, a
 * message is handled as it arrives.
 */
export class ClientSession implements Session {
  readonly #core: SessionDeps;
  readonly #socket: Socket;
  #connection: Connection | undefined;
  /** Items behind the one that is in progress; `undefined` while none is. */
  #queue: QueueItem[] | undefined;
  #paused = false;

  constructor(core: SessionDeps, socket: Socket, handshake: Handshake) {
    this.#core = core;
    this.#socket = socket;
    void this.#waitFor(this.#admitted(handshake));
  }

  received(message: Buffer): void {
    if (this.#connection?.closing === true) return;
    this.#connection?.seen(this.#core.clock());
    if (this.#queue === undefined) return this.#serve(message);
    if (this.#queue.push(message) >= MAX_WAITING) this.#pause();
  }

  alive(receipt?: number): void {
    if (this.#connection === undefined) return;
    this.#connection.seen(this.#core.clock());
    if (receipt !== undefined) this.#connection.tab?.answered(receipt);
    this.#core.logger.debug('Control Frame Received', this.#connection.socketId);
  }

  closed(code: number): void {
    this.#connection?.stopWriting();
    this.#connection?.endRateWait?.();
    this.#connection?.endBacklogWait?.();
    if (this.#queue === undefined) this.#serve(code);
    else this.#queue.push(code);
  }

  async #admitted(handshake: Handshake): Promise<void> {
    try {
      this.#connection = await this.#core.admission.admit(this.#socket, handshake);
    } catch (error) {
      handshake.decided?.(false);
      throw error;
    }
  }

  #serve(item: QueueItem): void {
    const task = this.#begin(item);
    if (task !== undefined) void this.#waitFor(task);
  }

  /** Never throws. `undefined`: it is done. */
  #begin(item: QueueItem): Promise<void> | undefined {
    const connection = this.#connection;
    if (connection === undefined) return undefined;
    try {
      if (typeof item === 'number') return this.#left(connection, item);
      // The socket closed: its waiting messages are dropped, so that its end is next.
      if (connection.closing) return undefined;
      if (connection.isSlowReader) return this.#onceCaughtUp(connection, item);
      return this.#core.messages.handle(connection, item);
    } catch (error) {
      this.#failed(error);
      return undefined;
    }
  }

  async #waitFor(task: Promise<void>): Promise<void> {
    this.#queue ??= [];
    try {
      await task;
    } catch (error) {
      this.#failed(error);
    }
    this.#next(this.#queue);
  }

  /** Begins the waiting items in order, up to the first that is not done at once. */
  #next(queue: QueueItem[]): void {
    for (let item = queue.shift(); item !== undefined; item = queue.shift()) {
      const task = this.#begin(item);
      if (task !== undefined) return void this.#waitFor(task);
    }
    this.#queue = undefined;
    if (this.#paused) this.#resume();
  }

  /** SPEC 2.16: handles the message when the client has read its earlier answers, so that no answer adds to its backlog. */
  async #onceCaughtUp(connection: Connection, item: Buffer): Promise<void> {
    await new Promise<void>((resolve) => (connection.endBacklogWait = resolve));
    connection.endBacklogWait = undefined;
    await this.#core.messages.handle(connection, item);
  }

  /** SPEC 3.11: takes the connection out of everything that counts or lists it. */
  async #left(connection: Connection, code: number): Promise<void> {
    const { admission, users, tabs, logger } = this.#core;
    connection.stopWriting();
    admission.dismiss(connection, code);
    logger.debug('Connection Closed', connection.socketId, String(code));
    await Promise.all([
      users.signedOut(connection),
      leaveAll(this.#core, connection),
      tabs.closed(connection),
    ]);
  }

  #failed(error: unknown): void {
    this.#core.logger.error('Bug in Wavehall: a client was disconnected. Please report this stack', error);
    this.#socket.close(errors.internal.code, errors.internal.message);
  }

  #pause(): void {
    if (this.#paused) return;
    this.#paused = true;
    this.#socket.stopReading(STOP_READING.queueFull);
  }

  #resume(): void {
    this.#paused = false;
    this.#socket.resumeReading(STOP_READING.queueFull);
  }
}
