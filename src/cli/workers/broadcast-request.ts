/** How long all may take to answer; who does not is left out. */
export const ANSWER_MS = 2000;

interface Open {
  readonly answers: unknown[];
  readonly missing: Set<number>;
  readonly done: () => void;
}

/** Questions to all workers. Each is answered once, with the answers of those who gave one in time. */
export class BroadcastRequest {
  readonly #open = new Map<number, Open>();
  #last = 0;

  /** `put` asks one of them; `workers` are their numbers. */
  async ask(workers: readonly number[], put: (worker: number, id: number) => void): Promise<unknown[]> {
    const id = (this.#last += 1);
    const answers: unknown[] = [];
    await new Promise<void>((resolve) => {
      const late = setTimeout(resolve, ANSWER_MS);
      const done = (): void => {
        clearTimeout(late);
        resolve();
      };
      this.#open.set(id, { answers, missing: new Set(workers), done });
      for (const worker of workers) put(worker, id);
    });
    this.#open.delete(id);
    return answers;
  }

  answered(worker: number, id: number, answer: unknown): void {
    const open = this.#open.get(id);
    if (open?.missing.has(worker) !== true) return;
    open.answers.push(answer);
    this.#strike(worker, open);
  }

  /** It will not answer any more. */
  left(worker: number): void {
    for (const open of this.#open.values()) this.#strike(worker, open);
  }

  #strike(worker: number, { missing, done }: Open): void {
    missing.delete(worker);
    if (missing.size === 0) done();
  }
}
