import type { Pong } from '../ports/link.ts';

/**
 * The pings of one connection, at most one of them in flight. Calls meanwhile share the next one: their pong must
 * answer a ping that was sent after the call.
 */
export class Pings {
  lagMs = 0;
  readonly #send: () => void;
  #sent: Pong[] | undefined;
  #waiting: Pong[] = [];
  #sentAtMs = 0;

  constructor(send: () => void) {
    this.#send = send;
  }

  /** Age of the ping in flight; `undefined` when there is none. */
  get waitedMs(): number | undefined {
    return this.#sent && Date.now() - this.#sentAtMs;
  }

  ping(pong: Pong): void {
    this.#waiting.push(pong);
    if (this.#sent === undefined) this.#next();
  }

  ponged(): void {
    const asked = this.#sent;
    if (asked === undefined) return;
    this.#sent = undefined;
    this.lagMs = Date.now() - this.#sentAtMs;
    if (this.#waiting.length > 0) this.#next();
    for (const pong of asked) pong(true);
  }

  /** The connection is lost: calls every waiting function with `false`. */
  lost(): void {
    const asked = [...(this.#sent ?? []), ...this.#waiting];
    this.#sent = undefined;
    this.#waiting = [];
    for (const pong of asked) pong(false);
  }

  #next(): void {
    this.#sent = this.#waiting;
    this.#waiting = [];
    this.#sentAtMs = Date.now();
    this.#send();
  }
}
