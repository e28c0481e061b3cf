import type { Outbox } from '../../core/ports/webhooks.ts';
import { untilDone } from './until-done.ts';

/**
 * Reports to the outbox what one endpoint is done with: one call at a time, with everything that was added during the call before, and
 * again until it succeeds. It holds no more than was taken from the outbox.
 */
export class DoneReports {
  readonly #outbox: Outbox;
  readonly #endpoint: string;
  readonly #stopping: AbortSignal;
  #ids: string[] = [];
  #running: Promise<void> | undefined;

  constructor(outbox: Outbox, endpoint: string, stopping: AbortSignal) {
    this.#outbox = outbox;
    this.#endpoint = endpoint;
    this.#stopping = stopping;
  }

  /** Ids that are not reported yet. */
  get size(): number {
    return this.#ids.length;
  }

  add(ids: readonly string[]): void {
    if (ids.length === 0) return;
    this.#ids.push(...ids);
    this.#running ??= this.#run();
  }

  /** Resolves when everything is reported, or the signal is aborted. */
  async idle(): Promise<void> {
    await this.#running;
  }

  async #run(): Promise<void> {
    while (this.#ids.length > 0 && !this.#stopping.aborted) {
      const ids = [...this.#ids];
      if (await untilDone(() => this.#outbox.done(this.#endpoint, ids), this.#stopping))
        this.#ids = this.#ids.slice(ids.length);
    }
    this.#running = undefined;
  }
}
