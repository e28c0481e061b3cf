import { Semaphore } from '../util/semaphore.ts';
import { within } from '../util/time.ts';

/** Time that the step before a close may take, its wait for others included. */
export const BEFORE_CLOSE_MS = 2000;
/** Steps that run at the same time. */
export const BEFORE_CLOSE_AT_ONCE = 1000;

/**
 * Runs the asynchronous steps that connections have before their close. Each connection is closed at most `BEFORE_CLOSE_MS`
 * after it is due, with its step or without: steps that fail, hang or are too many do not hold up the drain.
 */
export class StepsBeforeClose {
  readonly #permits = new Semaphore(BEFORE_CLOSE_AT_ONCE);
  readonly #hurried: Promise<void>;

  /** `hurry`: ends all waits at once. */
  constructor(hurry: AbortSignal) {
    this.#hurried = new Promise((resolve) => {
      if (hurry.aborted) resolve();
      else hurry.addEventListener('abort', () => resolve(), { once: true });
    });
  }

  /** Resolves when the step has ended, or its time. Never rejects. */
  async run(step: () => Promise<void>): Promise<void> {
    let isOver = false;
    const inTurn = this.#inTurn(() => (isOver ? Promise.resolve() : step()));
    await within(Promise.race([inTurn, this.#hurried]), BEFORE_CLOSE_MS);
    isOver = true;
  }

  /** A step that hangs gives its permit back. Never rejects: a client whose step failed is closed as any other. */
  async #inTurn(step: () => Promise<void>): Promise<void> {
    const release = await this.#permits.acquire();
    try {
      await within(step(), BEFORE_CLOSE_MS);
    } catch {
      // Whoever gives the step knows of its failures.
    } finally {
      release();
    }
  }
}
