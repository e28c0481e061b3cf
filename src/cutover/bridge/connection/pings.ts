export type Pong = (isAlive: boolean) => void;

/**
 * The pings of one connection. At most one is under way: who asks meanwhile shares the next one, which is sent after
 * they asked.
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

  /** How long an answer has been waited for; `undefined` when none is. */
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

  /** The connection is lost: nobody is answered any more. */
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
