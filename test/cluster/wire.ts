import { setTimeout as sleep } from 'node:timers/promises';
import type { Chance } from './chance.ts';

export interface WireFaults {
  /** Of each script: executed twice. */
  readonly twice: number;
  /** Executed, but the caller is told that it timed out. */
  readonly lostReply: number;
  /** Never executed, and the caller is told that it timed out. */
  readonly lostCommand: number;
  readonly longestDelayMs: number;
}

export const NO_FAULTS: WireFaults = { twice: 0, lostReply: 0, lostCommand: 0, longestDelayMs: 0 };

/** How many commands of a cut connection may be executed once more, late. */
const REMEMBERED = 6;

type Task = () => Promise<unknown>;

/**
 * One connection as a network makes it: commands are executed in their order, late, twice, or without an answer. When
 * it is cut, callers learn nothing; what was under way is executed still, and some of what was executed is so again.
 */
export class Wire {
  readonly #chance: Chance;
  readonly #faults: () => WireFaults;
  #tail: Promise<unknown> = Promise.resolve();
  readonly #executed: Task[] = [];
  readonly #waiting = new Set<(error: Error) => void>();
  #gate: { readonly opened: Promise<void>; readonly open: () => void } | undefined;

  constructor(chance: Chance, faults: () => WireFaults) {
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
        .then(() => this.#gate?.opened)
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

  /** Nothing moves until `resume`: the process sleeps. */
  pause(): void {
    if (this.#gate !== undefined) return;
    let open = (): void => undefined;
    const opened = new Promise<void>((resolve) => (open = resolve));
    this.#gate = { opened, open };
  }

  resume(): void {
    this.#gate?.open();
    this.#gate = undefined;
  }

  /** The caller's side is gone; Redis may still read what was sent. */
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
