/** Time that the workers have to answer; later answers are ignored. */
export const ANSWER_MS = 2000;

interface Open<W> {
  readonly answers: unknown[];
  readonly missing: Set<W>;
  readonly done: () => void;
}

/** Requests to all workers. Each resolves once, with the answers that arrived in time. */
export class BroadcastRequest<W> {
  readonly #open = new Map<number, Open<W>>();
  #last = 0;

  /** Calls `send` for each worker; the worker answers with the same `id`. */
  async ask(workers: readonly W[], send: (worker: W, id: number) => void): Promise<unknown[]> {
    if (workers.length === 0) return [];
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

  answered(worker: W, id: number, answer: unknown): void {
    const open = this.#open.get(id);
    if (open?.missing.has(worker) !== true) return;
    open.answers.push(answer);
    this.#remove(worker, open);
  }

  /** Called when a worker has ended: it answers no request any more. */
  leave(worker: W): void {
    for (const open of this.#open.values()) this.#remove(worker, open);
  }

  #remove(worker: W, { missing, done }: Open<W>): void {
    missing.delete(worker);
    if (missing.size === 0) done();
  }
}
