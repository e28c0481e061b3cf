import type { AttemptCounter, LoginAttempts } from '../../admin/console/login-attempts.ts';
import type { WorkerGroup } from '../worker-group.ts';

interface Attempt {
  readonly address: string;
  /** The worker that has it: it has counted it already. */
  readonly pid: number;
}

/**
 * Attempts to log in, counted on every worker before the token is compared. Each worker numbers the attempts of an address, and
 * one goes on only with a low number on all of them: however attempts arrive together, no more than the limit go on. Beyond it,
 * a worker asks the others no more.
 */
export class SharedAttempts implements AttemptCounter {
  readonly #own: LoginAttempts;
  readonly #workers: WorkerGroup | undefined;

  constructor(own: LoginAttempts, workers: WorkerGroup | undefined) {
    this.#own = own;
    this.#workers = workers;
    workers?.onRequest('console-attempt', (attempt) => this.#count(attempt as Attempt));
    workers?.onRequest('console-success', (attempt) => this.#forget(attempt as Attempt));
  }

  async take(address: string): Promise<number> {
    const ownMs = this.#own.take(address, Date.now());
    if (ownMs > 0) return ownMs;
    const attempt: Attempt = { address, pid: process.pid };
    const others = (await this.#workers?.requestAll('console-attempt', attempt)) ?? [];
    return Math.max(0, ...others.map(Number));
  }

  async succeeded(address: string): Promise<void> {
    this.#own.succeeded(address);
    await this.#workers?.requestAll('console-success', { address, pid: process.pid });
  }

  #count({ address, pid }: Attempt): number {
    return pid === process.pid ? 0 : this.#own.take(address, Date.now());
  }

  #forget({ address }: Attempt): true {
    this.#own.succeeded(address);
    return true;
  }
}
