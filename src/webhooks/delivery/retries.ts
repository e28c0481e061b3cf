import type { Batch } from './batch.ts';

/** Batches of one endpoint that failed and wait for their next attempt. */
export class Retries {
  readonly #waiting = new Set<Batch>();

  add(batch: Batch): void {
    this.#waiting.add(batch);
  }

  /** The one that is due first. */
  earliest(): Batch | undefined {
    let earliest: Batch | undefined;
    for (const batch of this.#waiting)
      if (earliest === undefined || batch.notBeforeMs < earliest.notBeforeMs) earliest = batch;
    return earliest;
  }

  delete(batch: Batch): void {
    this.#waiting.delete(batch);
  }

  /** Removes and returns the batches for which this is true. */
  remove(isRemoved: (batch: Batch) => boolean): Batch[] {
    const removed = [...this.#waiting].filter(isRemoved);
    for (const batch of removed) this.#waiting.delete(batch);
    return removed;
  }

  /** Makes all of them due now. */
  makeDue(): void {
    for (const batch of this.#waiting) batch.notBeforeMs = 0;
  }
}
