import type { ClusterLoad, NodeLoad } from '../../core/ports/cluster-load.ts';
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

const CALM: Second = { delayMs: 0, refused: 0 };

/** Tells the other nodes once a second that this one is behind, while it is (SPEC 12.4). */
export class LoadReport {
  readonly #deps: LoadReportDeps;
  readonly #loop: Pick<LoopDelay, 'start' | 'stop' | 'takeMs'>;
  #timer: NodeJS.Timeout | undefined;
  #before = CALM;
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
  }

  tick(): void {
    const load = this.#measure();
    if (load.delayMs >= BEHIND_DELAY_MS || load.refused > 0 || load.memoryShort)
      this.#deps.clusterLoad.report(load);
  }

  /** The lower delay of two seconds, because a single pause is no load. */
  #measure(): NodeLoad {
    const { refusals, heap } = this.#deps;
    const refusedInAll = CAPACITY.reduce((sum, reason) => sum + refusals.totalOf(reason), 0);
    const second = { delayMs: this.#loop.takeMs(INTERVAL_MS), refused: refusedInAll - this.#refusedInAll };
    const before = this.#before;
    this.#before = second;
    this.#refusedInAll = refusedInAll;
    return {
      delayMs: Math.round(Math.min(second.delayMs, before.delayMs)),
      refused: second.refused + before.refused,
      memoryShort: heap.isFull,
    };
  }
}
