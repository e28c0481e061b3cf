import { randomUUID } from 'node:crypto';
import type { DeadLetter } from '../../../core/ports/webhooks.ts';
import type { WebhookWishes } from '../../../core/ports/webhook-wishes.ts';

/** Deliveries that were given up, bounded by number and age. */
export class DeadLetters {
  readonly #bounds: Pick<WebhookWishes, 'maxDead' | 'deadTtlMs'>;
  #letters = new Map<string, DeadLetter>();

  constructor(bounds: Pick<WebhookWishes, 'maxDead' | 'deadTtlMs'>) {
    this.#bounds = bounds;
  }

  add(endpoint: string, entry: DeadLetter['entry'], reason: string): void {
    const letter = { id: randomUUID(), endpoint, entry, reason, diedAtMs: Date.now() };
    this.load([letter]);
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
    const all = [...this.#letters.values(), ...letters].sort((a, b) => a.diedAtMs - b.diedAtMs);
    this.#letters = new Map(all.slice(-this.#bounds.maxDead).map((letter) => [letter.id, letter]));
  }
}
