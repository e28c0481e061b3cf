/** Time that the workers have to answer; later answers are ignored. */
export const ANSWER_MS = 2000;

interface Open {
  readonly answers: unknown[];
  readonly missing: Set<number>;
  readonly done: () => void;
}

/** Requests to all workers. Each resolves once, with the answers that arrived in time. */
export class BroadcastRequest {
  readonly #open = new Map<number, Open>();
  #last = 0;

  /** Calls `send` for each worker, by its number; the worker answers with the same `id`. */
  async ask(workers: readonly number[], send: (worker: number, id: number) => void): Promise<unknown[]> {
    const id = (this.#last += 1);
    const answers: unknown[] = [];
    await new Promise<void>((resolve) => {
      const late = setTimeout(resolve, ANSWER_MS);
      const done = (): void => {
        clearTimeout(late);
        resolve();
      };
      this.#open.set(id, { answers, missing: new Set(workers), done });
      for (const worker of workers) send(worker, id);
    });
    this.#open.delete(id);
    return answers;
  }

  answered(worker: number, id: number, answer: unknown): void {
    const open = this.#open.get(id);
    if (open?.missing.has(worker) !== true) return;
    open.answers.push(answer);
    this.#remove(worker, open);
  }

  /** Called when a worker has ended: it answers no request any more. */
  leave(worker: number): void {
    for (const open of this.#open.values()) this.#remove(worker, open);
  }

  #remove(worker: number, { missing, done }: Open): void {
    missing.delete(worker);
    if (missing.size === 0) done();
  }
}
