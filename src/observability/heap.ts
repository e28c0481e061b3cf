import { getHeapStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { Logger } from '../core/ports/logger.ts';

/** How far below the limit the heap has to fall before newcomers are let in again. */
const RELIEF_SHARE = 10 / 90;

/** Bytes used, of those that there may be at most. */
type HeapMeasure = () => { readonly usedBytes: number; readonly limitBytes: number };

const measureHeap: HeapMeasure = () => {
  const { used_heap_size: usedBytes, heap_size_limit: limitBytes } = getHeapStatistics();
  return { usedBytes, limitBytes };
};

/** Seconds between two collections that are asked for: without newcomers there may be no other reason for one. */
const COLLECT_EVERY_TICKS = 10;

/** Turns newcomers away while memory is short, so that those who are here need not go (SPEC 8.11). */
export class HeapGuard {
  readonly #mostShare: number;
  readonly #logger: Logger;
  readonly #measure: HeapMeasure;
  readonly #collect: () => void;
  #isFull = false;
  #ticksSinceCollection = COLLECT_EVERY_TICKS;

  /** `mostPercent` of the heap that there may be; 0: no guard. */
  constructor(
    mostPercent: number,
    logger: Logger,
    measure: HeapMeasure = measureHeap,
    collect = collectGarbage,
  ) {
    this.#mostShare = mostPercent / 100;
    this.#logger = logger;
    this.#measure = measure;
    this.#collect = collect;
  }

  get isFull(): boolean {
    return this.#isFull;
  }

  /** Called about once a second. What may be forgotten does not count. */
  tick(): void {
    if (this.#mostShare === 0) return;
    this.#ticksSinceCollection += 1;
    if (this.#isOver() && this.#ticksSinceCollection >= COLLECT_EVERY_TICKS) {
      this.#ticksSinceCollection = 0;
      this.#collect();
    }
    const isFull = this.#isOver();
    if (isFull !== this.#isFull) this.#setFull(isFull);
  }

  #isOver(): boolean {
    const { usedBytes, limitBytes } = this.#measure();
    const limit = limitBytes * this.#mostShare;
    return usedBytes > (this.#isFull ? limit * (1 - RELIEF_SHARE) : limit);
  }

  #setFull(isFull: boolean): void {
    this.#isFull = isFull;
    const { usedBytes, limitBytes } = this.#measure();
    const megabytes = (bytes: number): number => Math.round(bytes / 1024 / 1024);
    const details = { usedMb: megabytes(usedBytes), limitMb: megabytes(limitBytes) };
    this.#logger.warn(
      isFull ? 'Memory is short: nobody new is let in' : 'Memory is there again: everybody is let in',
      details,
    );
  }
}

/** What is no longer needed is known only after this. */
function collectGarbage(): void {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as (() => void) | undefined;
  collect?.();
}
