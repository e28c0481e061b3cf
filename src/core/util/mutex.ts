/** One thing at a time, in the order in which they were asked for. */
export class Mutex {
  #tail: Promise<void> | undefined;
  #length = 0;

  /** Tasks that have not settled yet, the running one included. */
  get length(): number {
    return this.#length;
  }

  /** Runs `task` when every earlier one has settled; its failure concerns nobody but the caller. */
  run<T>(task: () => Promise<T>): Promise<T> {
    const turn = this.#tail === undefined ? task() : this.#tail.then(task);
    this.#length += 1;
    const settle = (): void => {
      this.#length -= 1;
      if (this.#length === 0) this.#tail = undefined;
    };
    this.#tail = turn.then(settle, settle);
    return turn;
  }
}
