import type { Gateway, Handshake, Session, Socket } from '../../core/ports/transport.ts';
import type { HealthSink } from '../ports/health-sink.ts';

/** Connections of this side that are a part of the split. */
export class LocalSide {
  readonly #gateway: Gateway;
  readonly #health: HealthSink;
  readonly #buckets = new Map<Socket, number>();

  constructor(gateway: Gateway, health: HealthSink) {
    this.#gateway = gateway;
    this.#health = health;
  }

  get size(): number {
    return this.#buckets.size;
  }

  bucketOf(socket: Socket): number | undefined {
    return this.#buckets.get(socket);
  }

  /** Reports only what this server decides: that it greeted the client, or failed to. How the socket ends is not reported. */
  opened(socket: Socket, handshake: Handshake, bucket: number, tookMs: () => number): Session {
    this.#buckets.set(socket, bucket);
    const decided = (isGreeted: boolean): void => {
      this.#health.client('wavehall', isGreeted, tookMs());
      if (!isGreeted) this.#health.fault('connects');
    };
    return new CountedSession(this.#gateway.opened(socket, { ...handshake, decided }), () =>
      this.#buckets.delete(socket),
    );
  }

  /** Opens the socket of a probe, which is not counted. */
  openedProbe(socket: Socket, handshake: Handshake): Session {
    return this.#gateway.opened(socket, { ...handshake, isProbe: true });
  }
}

class CountedSession implements Session {
  readonly #session: Session;
  readonly #closed: () => void;

  constructor(session: Session, closed: () => void) {
    this.#session = session;
    this.#closed = closed;
  }

  received(message: Buffer): void {
    this.#session.received(message);
  }

  alive(receipt?: number): void {
    this.#session.alive(receipt);
  }

  closed(code: number): void {
    this.#closed();
    this.#session.closed(code);
  }
}
