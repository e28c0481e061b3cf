/** Sends messages by a route and counts those that have arrived. */
import type { Route } from './routes.ts';

const PATIENCE_MS = 10_000;

export interface Mode {
  readonly name: string;
  readonly burst: number;
  /** Bursts that are on their way together. */
  readonly together: number;
}

let numbers = 0;

/** A closed loop: the next burst leaves when one has arrived whole. */
export class Drive {
  readonly latenciesMs: number[] = [];
  readonly #route: Route;
  readonly #mode: Mode;
  readonly #sentMs = new Map<number, number>();
  #isOver = false;

  constructor(route: Route, mode: Mode) {
    this.#route = route;
    this.#mode = mode;
  }

  /** Resolves with the milliseconds that it took, when the last message has arrived; rejects when one never does. */
  run(ms: number): Promise<number> {
    const beganMs = performance.now();
    return new Promise((resolve, reject) => {
      const late = setTimeout(
        () => reject(new Error(`${this.#route.name}: ${this.#sentMs.size} did not arrive`)),
        ms + PATIENCE_MS,
      );
      setTimeout(() => (this.#isOver = true), ms);
      this.#route.arrived = (number) => {
        this.#arrive(number);
        if (!this.#isOver || this.#sentMs.size > 0) return;
        clearTimeout(late);
        resolve(performance.now() - beganMs);
      };
      for (let burst = 0; burst < this.#mode.together; burst += 1) this.#send();
    });
  }

  #arrive(number: number): void {
    const sentMs = this.#sentMs.get(number);
    if (sentMs === undefined) return;
    this.#sentMs.delete(number);
    this.latenciesMs.push(performance.now() - sentMs);
    const { burst, together } = this.#mode;
    if (!this.#isOver && this.#sentMs.size === (together - 1) * burst) this.#send();
  }

  #send(): void {
    const own = Array.from({ length: this.#mode.burst }, () => (numbers += 1));
    const now = performance.now();
    for (const number of own) this.#sentMs.set(number, now);
    this.#route.send(own);
  }
}

/** Keeps this process awake, because a server would pay for waking it up. The returned function ends this. */
export function stayAwake(): () => void {
  let next = setImmediate(function again() {
    next = setImmediate(again);
  });
  return () => clearImmediate(next);
}
