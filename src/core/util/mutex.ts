/** Runs one task at a time, in the order of the calls. */
export class Mutex {
  #tail: Promise<void> | undefined;
  #length = 0;

  /** Tasks that have not settled yet, the running one included. */
  get length(): number {
    return this.#length;
  }

  /** Runs `task` when every earlier one has settled; its failure rejects only its own promise. */
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
