import type { Journal } from '../../core/ports.ts';

/** Messages on the bus that are none of ours. They are counted, and told of once. */
export class Garbage {
  readonly #journal: Journal;
  #count = 0;

  constructor(journal: Journal) {
    this.#journal = journal;
  }

  get count(): number {
    return this.#count;
  }

  add(bus: string): void {
    this.#count += 1;
    if (this.#count > 1) return;
    this.#journal.warn('Something on the bus is no message of ours: it and its like are ignored', {
      bus: bus.slice(0, 256),
    });
  }
}
