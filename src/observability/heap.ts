import { getHeapStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { Logger } from '../core/ports/logger.ts';

/** Part of the limit by which the heap must shrink below it before new connections are accepted again. */
const RELIEF_SHARE = 10 / 90;

/** Bytes of the heap in use, and the most that it may have. */
type HeapMeasure = () => { readonly usedBytes: number; readonly limitBytes: number };

const measureHeap: HeapMeasure = () => {
  const { used_heap_size: usedBytes, heap_size_limit: limitBytes } = getHeapStatistics();
  return { usedBytes, limitBytes };
};

/** Ticks (seconds) between forced collections: without new connections nothing else may start one. */
const COLLECT_EVERY_TICKS = 10;

/** Refuses new connections while the heap is nearly full, so that established ones are kept (SPEC 8.11). */
export class HeapGuard {
  readonly #maxShare: number;
  readonly #logger: Logger;
  readonly #measure: HeapMeasure;
  readonly #collect: () => void;
  #isFull = false;
  #ticksSinceCollection = COLLECT_EVERY_TICKS;

  /** `maxPercent`: share of the limit of the heap (WAVEHALL_MAX_HEAP_PERCENT); 0: no limit. */
  constructor(
    maxPercent: number,
    logger: Logger,
    measure: HeapMeasure = measureHeap,
    collect = collectGarbage,
  ) {
    this.#maxShare = maxPercent / 100;
    this.#logger = logger;
    this.#measure = measure;
    this.#collect = collect;
  }

  get isFull(): boolean {
    return this.#isFull;
  }

  /** Called about once a second. Collects garbage before the heap counts as full. */
  tick(): void {
    if (this.#maxShare === 0) return;
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
    const limit = limitBytes * this.#maxShare;
    return usedBytes > (this.#isFull ? limit * (1 - RELIEF_SHARE) : limit);
  }

  #setFull(isFull: boolean): void {
    this.#isFull = isFull;
    const { usedBytes, limitBytes } = this.#measure();
    const mebibytes = (bytes: number): number => Math.round(bytes / 1024 / 1024);
    const details = {
      heapUsedMiB: mebibytes(usedBytes),
      heapLimitMiB: mebibytes(limitBytes),
      maxPercent: Math.round(this.#maxShare * 100),
    };
    this.#logger.warn(
      isFull
        ? "Node's heap is above WAVEHALL_MAX_HEAP_PERCENT: new connections, /up and /ready are answered with 503, connected clients stay. Raise NODE_OPTIONS=--max-old-space-size, or add a node"
        : "Node's heap is below the limit again: new connections are accepted",
      details,
    );
  }
}

/** Collects garbage, without which the heap's size includes objects that are no longer used. */
function collectGarbage(): void {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as (() => void) | undefined;
  collect?.();
}
