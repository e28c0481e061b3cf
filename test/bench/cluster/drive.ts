/** Sends messages over a route and measures their latency. */
import type { Route } from './routes.ts';

const TIMEOUT_MS = 10_000;

export interface Mode {
  readonly name: string;
  readonly burst: number;
  /** Bursts in flight at the same time. */
  readonly together: number;
}

let lastNumber = 0;

/** A closed loop: sends the next burst when one has arrived completely. */
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

  /** Resolves with the duration in milliseconds when the last message has arrived; rejects if one does not arrive in time. */
  run(ms: number): Promise<number> {
    const beganMs = performance.now();
    return new Promise((resolve, reject) => {
      const timeout = setTimeout(
        () => reject(new Error(`${this.#route.name}: ${this.#sentMs.size} did not arrive`)),
        ms + TIMEOUT_MS,
      );
      setTimeout(() => (this.#isOver = true), ms);
      this.#route.arrived = (number) => {
        this.#receive(number);
        if (!this.#isOver || this.#sentMs.size > 0) return;
        clearTimeout(timeout);
        resolve(performance.now() - beganMs);
      };
      for (let burst = 0; burst < this.#mode.together; burst += 1) this.#send();
    });
  }

  #receive(number: number): void {
    const sentMs = this.#sentMs.get(number);
    if (sentMs === undefined) return;
    this.#sentMs.delete(number);
    this.latenciesMs.push(performance.now() - sentMs);
    const { burst, together } = this.#mode;
    if (!this.#isOver && this.#sentMs.size === (together - 1) * burst) this.#send();
  }

  #send(): void {
    const own = Array.from({ length: this.#mode.burst }, () => (lastNumber += 1));
    const now = performance.now();
    for (const number of own) this.#sentMs.set(number, now);
    this.#route.send(own);
  }
}

/** Keeps this process running, because a server would spend CPU time on waking it up. The returned function stops this. */
export function busyPoll(): () => void {
  let next = setImmediate(function again() {
    next = setImmediate(again);
  });
  return () => clearImmediate(next);
}
