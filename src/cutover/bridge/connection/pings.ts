export type Pong = (isAlive: boolean) => void;

/**
 * The pings of one connection. At most one is under way: who asks meanwhile shares the next one, which is sent after
 * they asked.
 */
export class Pings {
  lagMs = 0;
  readonly #send: () => void;
  #asked: Pong[] | undefined;
  #asking: Pong[] = [];
  #sentAtMs = 0;

  constructor(send: () => void) {
    this.#send = send;
  }

  /** How long an answer has been waited for; `undefined` when none is. */
  get waitedMs(): number | undefined {
    return this.#asked && Date.now() - this.#sentAtMs;
  }

  ask(pong: Pong): void {
    this.#asking.push(pong);
    if (this.#asked === undefined) this.#next();
  }

  answered(): void {
    const asked = this.#asked;
    if (asked === undefined) return;
    this.#asked = undefined;
    this.lagMs = Date.now() - this.#sentAtMs;
    if (this.#asking.length > 0) this.#next();
    for (const pong of asked) pong(true);
  }

  /** The connection is lost: nobody is answered any more. */
  lost(): void {
    const asked = [...(this.#asked ?? []), ...this.#asking];
    this.#asked = undefined;
    this.#asking = [];
    for (const pong of asked) pong(false);
  }

  #next(): void {
    this.#asked = this.#asking;
    this.#asking = [];
    this.#sentAtMs = Date.now();
    this.#send();
  }
}
