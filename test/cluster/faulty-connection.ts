import type { SeededRandom } from '../support/seeded-random.ts';
import { sleep } from '../../src/core/util/time.ts';

export interface ConnectionFaults {
  /** Probability that a script is executed twice. */
  readonly twice: number;
  /** Probability that a script is executed and the caller gets a timeout. */
  readonly lostReply: number;
  /** Probability that a script is not executed and the caller gets a timeout. */
  readonly lostCommand: number;
  readonly longestDelayMs: number;
}

export const NO_FAULTS: ConnectionFaults = { twice: 0, lostReply: 0, lostCommand: 0, longestDelayMs: 0 };

/** Number of commands of a cut connection that may be executed again, late. */
const MAX_REPEATED = 6;

type Task = () => Promise<unknown>;

/**
 * An unreliable connection: commands are executed in their order, but late, twice, or without an answer. When it is cut,
 * callers get an error; commands already sent are still executed, and some earlier ones are executed again.
 */
export class FaultyConnection {
  readonly #random: SeededRandom;
  readonly #faults: () => ConnectionFaults;
  #tail: Promise<unknown> = Promise.resolve();
  readonly #executed: Task[] = [];
  readonly #waiting = new Set<(error: Error) => void>();
  #pause: { readonly opened: Promise<void>; readonly open: () => void } | undefined;

  constructor(random: SeededRandom, faults: () => ConnectionFaults) {
    this.#random = random;
    this.#faults = faults;
  }

  run(task: Task): Promise<unknown> {
    const { twice, lostReply, lostCommand, longestDelayMs } = this.#faults();
    const isTwice = this.#random.is(twice);
    const isLost = this.#random.is(lostReply);
    const isNever = this.#random.is(lostCommand);
    const delayMs = longestDelayMs === 0 ? 0 : this.#random.below(longestDelayMs);
    return new Promise((resolve, reject) => {
      this.#waiting.add(reject);
      this.#tail = this.#tail
        .then(() => this.#pause?.opened)
        .then(() => (delayMs > 0 ? sleep(delayMs) : undefined))
        .then(() => {
          if (isNever) return reject(new Error('Command timed out'));
          this.#record(task);
          const answers = isTwice ? [task(), task()] : [task()];
          void Promise.all(answers)
            .then(([first, second]) => {
              if (isLost) reject(new Error('Command timed out'));
              else resolve(this.#random.is(0.5) ? first : (second ?? first));
            }, reject)
            .finally(() => this.#waiting.delete(reject));
        });
    });
  }

  /** Holds all commands until `resume`, as a suspended process does. */
  pause(): void {
    if (this.#pause !== undefined) return;
    let open = (): void => undefined;
    const opened = new Promise<void>((resolve) => (open = resolve));
    this.#pause = { opened, open };
  }

  resume(): void {
    this.#pause?.open();
    this.#pause = undefined;
  }

  /** Closes the connection for the caller; commands already sent are still executed. */
  async cut(): Promise<void> {
    this.resume();
    for (const reject of this.#waiting) reject(new Error('Connection is closed.'));
    this.#waiting.clear();
    const again = this.#executed.slice(-this.#random.below(MAX_REPEATED + 1));
    const delayMs = this.#random.below(60);
    await this.#tail;
    await sleep(delayMs);
    for (const task of again) await task().catch(() => undefined);
  }

  #record(task: Task): void {
    this.#executed.push(task);
    if (this.#executed.length > MAX_REPEATED) this.#executed.shift();
  }
}
