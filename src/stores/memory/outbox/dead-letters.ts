import { randomUUID } from 'node:crypto';
import type { DeadLetter } from '../../../core/ports/webhooks.ts';
import type { WebhookWishes } from '../../../core/ports/webhook-wishes.ts';

/** Deliveries that were given up, bounded by number and age. */
export class DeadLetters {
  readonly #bounds: Pick<WebhookWishes, 'maxDead' | 'deadTtlMs'>;
  /** The oldest first. */
  readonly #letters = new Map<string, DeadLetter>();

  constructor(bounds: Pick<WebhookWishes, 'maxDead' | 'deadTtlMs'>) {
    this.#bounds = bounds;
  }

  add(endpoint: string, entry: DeadLetter['entry'], reason: string): void {
    this.#keep({ id: randomUUID(), endpoint, entry, reason, diedAtMs: Date.now() });
  }

  newest(most: number): DeadLetter[] {
    const since = Date.now() - this.#bounds.deadTtlMs;
    return [...this.#letters.values()]
      .filter(({ diedAtMs }) => diedAtMs >= since)
      .reverse()
      .slice(0, most);
  }

  remove(id: string): DeadLetter | undefined {
    const letter = this.#letters.get(id);
    this.#letters.delete(id);
    return letter;
  }

  load(letters: readonly DeadLetter[]): void {
    for (const letter of [...letters].sort((a, b) => a.diedAtMs - b.diedAtMs)) this.#keep(letter);
  }

  #keep(letter: DeadLetter): void {
    this.#letters.set(letter.id, letter);
    const [oldest = ''] = this.#letters.keys();
    if (this.#letters.size > this.#bounds.maxDead) this.#letters.delete(oldest);
  }
}
