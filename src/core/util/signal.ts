/** An event without data that may be awaited many times. */
export class Signal {
  #waiting: (() => void)[] = [];

  /** Resolves at the next `emit`. */
  next(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  emit(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }
}
