import type { OutboxEntry } from '../../core/ports/webhooks.ts';
import { channelMapKey } from '../../core/util/channel-map-key.ts';
import { bytesOf } from '../events.ts';
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
  readonly #waiting = new Set<Waiting>();

  constructor(bounds: BatchBounds = ONE_BY_ONE) {
    this.#bounds = bounds;
  }

  get size(): number {
    return this.#waiting.size;
  }

  add(entry: OutboxEntry, nowMs: number): void {
    const isSingle = this.#bounds.maxEvents === 1;
    const bytes = isSingle ? 0 : bytesOf(entry);
    this.#waiting.add({ entry, key: channelMapKey(entry.ref), bytes, addedAtMs: nowMs });
  }

  /** Takes the next batch, and keeps its channels busy until `release`. `undefined`: there is none, or it may still grow. */
  take(nowMs: number): Batch | undefined {
    const { taken, isFull } = this.#next();
    const [first, ...others] = taken;
    if (first === undefined) return undefined;
    if (!isFull && nowMs < first.addedAtMs + this.#bounds.maxDelayMs) return undefined;
    for (const each of taken) this.#waiting.delete(each);
    const batch = new Batch([first.entry, ...others.map(({ entry }) => entry)]);
    for (const key of batch.keys) this.#busy.add(key);
    return batch;
  }

  /** When the next batch no longer grows; `undefined`: there is none. */
  readyAtMs(): number | undefined {
    for (const { key, addedAtMs } of this.#waiting)
      if (!this.#busy.has(key)) return addedAtMs + this.#bounds.maxDelayMs;
    return undefined;
  }

  release({ keys }: Batch): void {
    for (const key of keys) this.#busy.delete(key);
  }

  /** Removes and returns the entries for which this is true. */
  remove(isRemoved: (entry: OutboxEntry) => boolean): OutboxEntry[] {
    const removed = [...this.#waiting].filter(({ entry }) => isRemoved(entry));
    for (const each of removed) this.#waiting.delete(each);
    return removed.map(({ entry }) => entry);
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
