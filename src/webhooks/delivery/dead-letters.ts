import type { Outbox, OutboxEntry } from '../../core/ports/webhooks.ts';
import { untilDone } from './until-done.ts';

/**
 * Puts what one endpoint will not get to the failed deliveries, one call after another, each again until it succeeds. What the signal
 * ends stays in the outbox.
 */
export class DeadLetters {
  readonly #outbox: Outbox;
  readonly #endpoint: string;
  readonly #stopping: AbortSignal;
  readonly #added: () => void;

  /** `added`: called for each entry that was put there. */
  constructor(outbox: Outbox, endpoint: string, stopping: AbortSignal, added: () => void) {
    this.#outbox = outbox;
    this.#endpoint = endpoint;
    this.#stopping = stopping;
    this.#added = added;
  }

  async add(entries: readonly OutboxEntry[], reason: string): Promise<void> {
    for (const entry of entries) {
      const bury = (): Promise<void> => this.#outbox.bury(this.#endpoint, entry, reason);
      if (await untilDone(bury, this.#stopping)) this.#added();
    }
  }
}
