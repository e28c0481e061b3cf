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

/** Commands of a cut connection that may be executed once more, late. */
const REMEMBERED = 6;

type Task = () => Promise<unknown>;

/**
 * One unreliable connection: commands are executed in their order, but late, twice, or without an answer. When it is cut,
 * callers get an error; commands on their way are still executed, and some earlier ones are executed again.
 */
export class FaultyConnection {
  readonly #chance: SeededRandom;
  readonly #faults: () => ConnectionFaults;
  #tail: Promise<unknown> = Promise.resolve();
  readonly #executed: Task[] = [];
  readonly #waiting = new Set<(error: Error) => void>();
  #pause: { readonly opened: Promise<void>; readonly open: () => void } | undefined;

  constructor(chance: SeededRandom, faults: () => ConnectionFaults) {
    this.#chance = chance;
    this.#faults = faults;
  }

  run(task: Task): Promise<unknown> {
    const { twice, lostReply, lostCommand, longestDelayMs } = this.#faults();
    const isTwice = this.#chance.is(twice);
    const isLost = this.#chance.is(lostReply);
    const isNever = this.#chance.is(lostCommand);
    const delayMs = longestDelayMs === 0 ? 0 : this.#chance.below(longestDelayMs);
    return new Promise((resolve, reject) => {
      this.#waiting.add(reject);
      this.#tail = this.#tail
        .then(() => this.#pause?.opened)
        .then(() => (delayMs > 0 ? sleep(delayMs) : undefined))
        .then(() => {
          if (isNever) return reject(new Error('Command timed out'));
          this.#remember(task);
          const answers = isTwice ? [task(), task()] : [task()];
          void Promise.all(answers)
            .then(([first, second]) => {
              if (isLost) reject(new Error('Command timed out'));
              else resolve(this.#chance.is(0.5) ? first : (second ?? first));
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

  /** Closes the caller's side; Redis may still read what was sent. */
  async cut(): Promise<void> {
    this.resume();
    for (const reject of this.#waiting) reject(new Error('Connection is closed.'));
    this.#waiting.clear();
    const again = this.#executed.slice(-this.#chance.below(REMEMBERED + 1));
    const delayMs = this.#chance.below(60);
    await this.#tail;
    await sleep(delayMs);
    for (const task of again) await task().catch(() => undefined);
  }

  #remember(task: Task): void {
    this.#executed.push(task);
    if (this.#executed.length > REMEMBERED) this.#executed.shift();
  }
}
