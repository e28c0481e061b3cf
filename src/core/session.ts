import { errors } from '#protocol';
import type { Connection } from './connection.ts';
import type { Handshake, Session, Socket } from './ports.ts';
import { Serial } from './serial.ts';

/** Messages of one client that may wait for earlier ones; more are left in the network. */
const MAX_WAITING = 64;

/** What a session asks of the core. */
interface Core {
  admit(socket: Socket, handshake: Handshake): Promise<Connection | undefined>;
  seen(from: Connection): void;
  receive(from: Connection, message: Buffer): Promise<void>;
  alive(from: Connection): void;
  dismiss(connection: Connection, code: number): Promise<void>;
  defect(what: string, error: unknown): void;
}

/**
 * One client, one queue: its admission, its messages and its end happen one after another, so that nothing it says is
 * looked at before it is admitted, and a close in the middle of a subscribe needs no flag.
 */
export class ClientSession implements Session {
  readonly #core: Core;
  readonly #socket: Socket;
  readonly #queue = new Serial();
  #connection: Connection | undefined;
  #paused = false;

  constructor(core: Core, socket: Socket, handshake: Handshake) {
    this.#core = core;
    this.#socket = socket;
    this.#run(async () => {
      this.#connection = await core.admit(socket, handshake);
    });
  }

  received(message: Buffer): void {
    if (this.#connection !== undefined) this.#core.seen(this.#connection);
    this.#run(async () => {
      if (this.#connection !== undefined) await this.#core.receive(this.#connection, message);
      if (this.#paused && this.#queue.length <= 1) this.#resume();
    });
    if (this.#queue.length > MAX_WAITING) this.#pause();
  }

  alive(): void {
    if (this.#connection !== undefined) this.#core.alive(this.#connection);
  }

  closed(code: number): void {
    if (this.#connection !== undefined) this.#connection.closing = true;
    this.#run(async () => {
      if (this.#connection !== undefined) await this.#core.dismiss(this.#connection, code);
    });
  }

  #run(task: () => Promise<void>): void {
    this.#queue.run(task).catch((error: unknown) => {
      this.#core.defect('A client could not be served', error);
      this.#socket.close(errors.internal.code, errors.internal.message);
    });
  }

  #pause(): void {
    this.#paused = true;
    this.#socket.pause();
  }

  #resume(): void {
    this.#paused = false;
    this.#socket.resume();
  }
}
