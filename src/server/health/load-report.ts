import { CALM, type ClusterLoad, isBehind, type NodeLoad } from '../../core/ports/nodes/cluster-load.ts';
import type { Refusals } from '../../core/refusals/refusals.ts';
import type { RefusalReason } from '../../core/refusals/reasons.ts';
import { LoopDelay } from '../../cutover/watch/loop-delay.ts';

const INTERVAL_MS = 1000;
/** Delay of the event loop from which on a node is behind. */
export const BEHIND_DELAY_MS = 100;
/** Refusals of clients because the node is full. */
const CAPACITY: readonly RefusalReason[] = ['server_full', 'sockets_full', 'memory_short'];

export interface LoadReportDeps {
  readonly clusterLoad: ClusterLoad;
  readonly refusals: Pick<Refusals, 'totalOf'>;
  readonly heap: { readonly isFull: boolean };
  readonly loop?: Pick<LoopDelay, 'start' | 'stop' | 'takeMs'>;
}

interface Second {
  readonly delayMs: number;
  readonly refused: number;
}

/** Tells the other nodes once a second that this one is behind, while it is, and takes it back afterwards (SPEC 12.4). */
export class LoadReport {
  readonly #deps: LoadReportDeps;
  readonly #loop: Pick<LoopDelay, 'start' | 'stop' | 'takeMs'>;
  #timer: NodeJS.Timeout | undefined;
  #before: Second = CALM;
  #isBehind = false;
  #refusedInAll = 0;

  constructor(deps: LoadReportDeps) {
    this.#deps = deps;
    this.#loop = deps.loop ?? new LoopDelay();
  }

  start(): void {
    this.#loop.start();
    this.#timer = setInterval(() => this.tick(), INTERVAL_MS);
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#loop.stop();
    this.#report(CALM);
  }

  tick(): void {
    this.#report(this.#measure());
  }

  #report(load: NodeLoad): void {
    const wasBehind = this.#isBehind;
    this.#isBehind = isBehind(load);
    if (this.#isBehind || wasBehind) this.#deps.clusterLoad.report(load);
  }

  /** The lower delay of two seconds, because a single pause is no load. */
  #measure(): NodeLoad {
    const { refusals, heap } = this.#deps;
    const refusedInAll = CAPACITY.reduce((sum, reason) => sum + refusals.totalOf(reason), 0);
    const second = { delayMs: this.#loop.takeMs(INTERVAL_MS), refused: refusedInAll - this.#refusedInAll };
    const before = this.#before;
    this.#before = second;
    this.#refusedInAll = refusedInAll;
    const delayMs = Math.round(Math.min(second.delayMs, before.delayMs));
    return {
      delayMs: delayMs >= BEHIND_DELAY_MS ? delayMs : 0,
      refused: second.refused + before.refused,
      memoryShort: heap.isFull,
    };
  }
}
