import type { TurnLimits } from './options.ts';

/** Reason why a task did not get its turn. */
export type NoTurn = 'waited_too_long' | 'too_many_waiting';

export class NoTurnError extends Error {
  override readonly name = 'NoTurnError';
  readonly reason: NoTurn;

  constructor(reason: NoTurn) {
    super(reason);
    this.reason = reason;
  }
}

interface Waiter {
  start(): void;
}

/**
 * Runs a bounded number of tasks at once. The others wait, and get their turn address by address: however much one
 * address asks for, the others wait for one of its tasks at most.
 */
export class Turns {
  readonly #limits: TurnLimits;
  readonly #mayStart: () => boolean;
  /** Waiting tasks by address. The address whose turn is next is the first. */
  readonly #waiters = new Map<string, Set<Waiter>>();
  #running = 0;
  #waiting = 0;

  /** `mayStart`: false while none may start; call `next` when it may have changed. */
  constructor(limits: TurnLimits, mayStart: () => boolean) {
    this.#limits = limits;
    this.#mayStart = mayStart;
  }

  get running(): number {
    return this.#running;
  }

  get waiting(): number {
    return this.#waiting;
  }

  /** Runs a task in its turn. Rejects with `NoTurnError` when it does not start within `waitMs`. */
  async run<T>(address: string, waitMs: number, task: () => Promise<T>): Promise<T> {
    return this.#canStart && this.#waiting === 0 ? this.#start(task) : this.#wait(address, waitMs, task);
  }

  /** Starts what may start now. */
  next(): void {
    while (this.#canStart) {
      const [turn] = this.#waiters;
      if (turn === undefined) return;
      const [address, waiters] = turn;
      const [waiter] = waiters;
      this.#waiters.delete(address);
      this.#remove(address, waiters, waiter);
      // Back to the end of the round.
      if (waiters.size > 0) this.#waiters.set(address, waiters);
      waiter?.start();
    }
  }

  get #canStart(): boolean {
    return this.#running < this.#limits.atOnce && this.#mayStart();
  }

  async #start<T>(task: () => Promise<T>): Promise<T> {
    this.#running += 1;
    try {
      return await task();
    } finally {
      this.#running -= 1;
      this.next();
    }
  }

  #wait<T>(address: string, waitMs: number, task: () => Promise<T>): Promise<T> {
    const { waiting, waitingPerAddress } = this.#limits;
    const waiters = this.#waiters.get(address) ?? new Set();
    const isFull = this.#waiting >= waiting || (waitingPerAddress > 0 && waiters.size >= waitingPerAddress);
    if (isFull) return Promise.reject(new NoTurnError('too_many_waiting'));
    return new Promise((resolve, reject) => {
      const waiter: Waiter = {
        start: () => {
          clearTimeout(timer);
          resolve(this.#start(task));
        },
      };
      const timer = setTimeout(() => {
        this.#remove(address, waiters, waiter);
        reject(new NoTurnError('waited_too_long'));
      }, waitMs);
      waiters.add(waiter);
      this.#waiters.set(address, waiters);
      this.#waiting += 1;
    });
  }

  #remove(address: string, waiters: Set<Waiter>, waiter: Waiter | undefined): void {
    if (waiter === undefined || !waiters.delete(waiter)) return;
    this.#waiting -= 1;
    if (waiters.size === 0 && this.#waiters.get(address) === waiters) this.#waiters.delete(address);
  }
}
