import { errors } from '#protocol';
import type { Connection } from './connection.ts';
import type { Handshake, Session, Socket } from '../ports/transport.ts';
import { STOP_READING } from './reading.ts';

/** Messages of one client that may wait for earlier ones; more are left in the network. */
const MAX_WAITING = 64;

/** What a session asks of the core. What a promise is given back for, the client's next message waits for. */
interface Core {
  admit(socket: Socket, handshake: Handshake): Promise<Connection | undefined>;
  seen(from: Connection): void;
  receive(from: Connection, message: Buffer): Promise<void> | undefined;
  alive(from: Connection): void;
  dismiss(connection: Connection, code: number): Promise<void>;
  defect(what: string, error: unknown): void;
}

/** A message, or the code with which the socket closed. */
type Item = Buffer | number;

/**
 * One client, one queue: its admission, its messages and its end happen one after another, so that nothing it says is
 * looked at before it is admitted, and a close in the middle of a subscribe needs no flag. Where nothing has to be
 * waited for, a message is handled as it arrives.
 */
export class ClientSession implements Session {
  readonly #core: Core;
  readonly #socket: Socket;
  #connection: Connection | undefined;
  /** What has to wait for an earlier thing that is under way; `undefined` while nothing is. */
  #line: Item[] | undefined;
  #paused = false;

  constructor(core: Core, socket: Socket, handshake: Handshake) {
    this.#core = core;
    this.#socket = socket;
    void this.#waitFor(this.#admitted(handshake));
  }

  received(message: Buffer): void {
    if (this.#connection?.closing === true) return;
    if (this.#connection !== undefined) this.#core.seen(this.#connection);
    if (this.#line === undefined) return this.#serve(message);
    if (this.#line.push(message) >= MAX_WAITING) this.#pause();
  }

  alive(): void {
    if (this.#connection !== undefined) this.#core.alive(this.#connection);
  }

  closed(code: number): void {
    if (this.#connection !== undefined) this.#connection.closing = true;
    this.#connection?.hurry?.();
    this.#connection?.caughtUp?.();
    if (this.#line === undefined) this.#serve(code);
    else this.#line.push(code);
  }

  async #admitted(handshake: Handshake): Promise<void> {
    try {
      this.#connection = await this.#core.admit(this.#socket, handshake);
    } catch (error) {
      handshake.decided?.(false);
      throw error;
    }
  }

  #serve(item: Item): void {
    const task = this.#begin(item);
    if (task !== undefined) void this.#waitFor(task);
  }

  /** Never throws. `undefined`: it is done. */
  #begin(item: Item): Promise<void> | undefined {
    const connection = this.#connection;
    if (connection === undefined) return undefined;
    try {
      if (typeof item === 'number') return this.#core.dismiss(connection, item);
      // A client that has left catches up with nothing: what it said before is dropped, so that its end has its turn.
      if (connection.closing) return undefined;
      if (connection.isBehind) return this.#onceCaughtUp(connection, item);
      return this.#core.receive(connection, item);
    } catch (error) {
      this.#failed(error);
      return undefined;
    }
  }

  async #waitFor(task: Promise<void>): Promise<void> {
    this.#line ??= [];
    try {
      await task;
    } catch (error) {
      this.#failed(error);
    }
    this.#next(this.#line);
  }

  /** Serves those who wait, until there is something to wait for again. */
  #next(line: Item[]): void {
    for (let item = line.shift(); item !== undefined; item = line.shift()) {
      const task = this.#begin(item);
      if (task !== undefined) return void this.#waitFor(task);
    }
    this.#line = undefined;
    if (this.#paused) this.#resume();
  }

  /** SPEC 2.16: a client that does not take its answers gets no more of them, so that no answer adds to what waits. */
  async #onceCaughtUp(connection: Connection, item: Buffer): Promise<void> {
    await new Promise<void>((resolve) => (connection.caughtUp = resolve));
    connection.caughtUp = undefined;
    await this.#core.receive(connection, item);
  }

  #failed(error: unknown): void {
    this.#core.defect('A client could not be served', error);
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
