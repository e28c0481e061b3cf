import type { OutboxEntry } from '../../core/ports/webhooks.ts';
import { bytesOf, orderKeyOf } from '../events.ts';
import type { BatchBounds } from '../settings.ts';
import { Batch } from './batch.ts';

interface Waiting {
  readonly entry: OutboxEntry;
  readonly key: string;
  readonly bytes: number;
  readonly addedAtMs: number;
}

const ONE_BY_ONE: BatchBounds = { maxEvents: 1, maxDelayMs: 0, maxBytes: Infinity };

/**
 * Entries of one endpoint that are in no request yet, in their order. A channel with an event in a request is busy: its other events
 * wait until that request is done with, so that each channel keeps its order.
 */
export class Window {
  readonly #bounds: BatchBounds;
  readonly #busy = new Set<string>();
  #waiting: Waiting[] = [];

  constructor(bounds: BatchBounds = ONE_BY_ONE) {
    this.#bounds = bounds;
  }

  get size(): number {
    return this.#waiting.length;
  }

  add(entry: OutboxEntry, nowMs: number): void {
    const isSingle = this.#bounds.maxEvents === 1;
    const bytes = isSingle ? 0 : bytesOf(entry);
    this.#waiting.push({ entry, key: orderKeyOf(entry), bytes, addedAtMs: nowMs });
  }

  /** Takes the next batch, and keeps its channels busy until `release`. `undefined`: there is none, or it may still grow. */
  take(nowMs: number): Batch | undefined {
    const { taken, isFull } = this.#next();
    const [first, ...others] = taken;
    if (first === undefined) return undefined;
    if (!isFull && nowMs < first.addedAtMs + this.#bounds.maxDelayMs) return undefined;
    const chosen = new Set(taken);
    this.#waiting = this.#waiting.filter((each) => !chosen.has(each));
    const batch = new Batch([first.entry, ...others.map(({ entry }) => entry)]);
    for (const key of batch.keys) this.#busy.add(key);
    return batch;
  }

  /** When the next batch no longer grows; `undefined`: there is none. */
  readyAtMs(): number | undefined {
    const first = this.#waiting.find(({ key }) => !this.#busy.has(key));
    return first === undefined ? undefined : first.addedAtMs + this.#bounds.maxDelayMs;
  }

  release({ keys }: Batch): void {
    for (const key of keys) this.#busy.delete(key);
  }

  /** Removes and returns the entries for which this is true. */
  remove(isRemoved: (entry: OutboxEntry) => boolean): OutboxEntry[] {
    const removed = this.#waiting.map(({ entry }) => entry).filter(isRemoved);
    const ids = new Set(removed.map(({ id }) => id));
    this.#waiting = this.#waiting.filter(({ entry }) => !ids.has(entry.id));
    return removed;
  }

  #next(): { taken: Waiting[]; isFull: boolean } {
    const { maxEvents, maxBytes } = this.#bounds;
    const taken: Waiting[] = [];
    let bytes = 0;
    for (const each of this.#waiting) {
      if (this.#busy.has(each.key)) continue;
      if (taken.length > 0 && bytes + each.bytes > maxBytes) return { taken, isFull: true };
      taken.push(each);
      bytes += each.bytes;
      if (taken.length >= maxEvents) return { taken, isFull: true };
    }
    return { taken, isFull: false };
  }
}
