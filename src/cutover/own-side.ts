import type { Gateway, Handshake, Session, Socket } from '../core/ports.ts';
import type { Probation } from './probation.ts';

const FIRST_OF_OURS = 4000;
/** 4200 to 4299: come again at once. Nobody was refused. */
const isRefusal = (code: number): boolean =>
  code >= FIRST_OF_OURS && code < 5000 && Math.floor(code / 100) !== 42;

/** The sockets of this side that are a part of the split. */
export class OwnSide {
  readonly #gateway: Gateway;
  readonly #probation: Probation;
  readonly #buckets = new Map<Socket, number>();

  constructor(gateway: Gateway, probation: Probation) {
    this.#gateway = gateway;
    this.#probation = probation;
  }

  get size(): number {
    return this.#buckets.size;
  }

  bucketOf(socket: Socket): number | undefined {
    return this.#buckets.get(socket);
  }

  opened(socket: Socket, handshake: Handshake, bucket: number, sinceMs: number): Session {
    const newcomer = this.#probation.opened('wavehall', sinceMs);
    this.#buckets.set(socket, bucket);
    return new WatchedSession(this.#gateway.opened(socket, handshake), (code) => {
      this.#buckets.delete(socket);
      // A browser that just goes away (1001, 1006) says nothing about this side.
      if (isRefusal(code)) this.#probation.ended(newcomer);
    });
  }
}

class WatchedSession implements Session {
  readonly #session: Session;
  readonly #closed: (code: number) => void;

  constructor(session: Session, closed: (code: number) => void) {
    this.#session = session;
    this.#closed = closed;
  }

  received(message: Buffer): void {
    this.#session.received(message);
  }

  alive(): void {
    this.#session.alive();
  }

  closed(code: number): void {
    this.#closed(code);
    this.#session.closed(code);
  }
}
