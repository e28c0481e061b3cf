import type { Clock } from '../../core/ports/clock.ts';
import type { PortHandle } from '../../server/handover/peer.ts';
import { RestartDelay } from './restart-delay.ts';
import type { Order, Report } from './messages.ts';
import type { ProcessEnd, ServingProcess } from './serving-process.ts';

export interface WorkerSlotDeps {
  readonly number: number;
  readonly clock: Clock;
  fork(): ServingProcess;
  onReport(slot: WorkerSlot, report: Report, handle?: PortHandle): void;
  onEnd(slot: WorkerSlot, end: End): void;
}

/** How a worker ended. */
export interface End {
  /** 0 when no process could be started. */
  readonly pid: number;
  readonly how: string;
  /** True when every socket had been drained before. */
  readonly isOrderly: boolean;
  /** 0 when it never served. */
  readonly servedMs: number;
}

/** Runs one worker at a time. */
export class WorkerSlot {
  readonly number: number;
  readonly #deps: WorkerSlotDeps;
  readonly #backoff = new RestartDelay();
  #worker: ServingProcess | undefined;
  #servesSinceMs: number | undefined;
  #reason: string | undefined;
  #restartTimer: NodeJS.Timeout | undefined;

  constructor(deps: WorkerSlotDeps) {
    this.#deps = deps;
    this.number = deps.number;
  }

  get hasWorker(): boolean {
    return this.#worker !== undefined;
  }

  get isServing(): boolean {
    return this.#servesSinceMs !== undefined;
  }

  get sendsCopies(): boolean {
    return this.#worker?.sendsCopies === true;
  }

  start(): void {
    const worker = this.#deps.fork();
    this.#worker = worker;
    worker.onReport((report, handle) => {
      if (report.report === 'opened') this.#servesSinceMs = this.#deps.clock();
      this.#deps.onReport(this, report, handle);
    });
    worker.onEnd((end) => this.#end(worker, end));
  }

  /** Starts a worker again after a pause, which grows while workers end soon. Returns the pause in milliseconds. */
  restart({ servedMs }: End): number {
    const waitMs = this.#backoff.next(servedMs);
    this.#restartTimer = setTimeout(() => this.start(), waitMs);
    return waitMs;
  }

  /** Starts no process in this slot any more. */
  cancelRestart(): void {
    clearTimeout(this.#restartTimer);
  }

  /** Resolves when the order has left; it is dropped when the worker has ended, whose exit event follows. */
  async send(order: Order, handle?: PortHandle): Promise<void> {
    await this.#worker?.send(order, handle);
  }

  /** Ends the worker; `reason` is logged in place of its exit code, which may arrive first. */
  kill(reason: string): void {
    this.#reason = reason;
    this.#worker?.kill();
  }

  #end(worker: ServingProcess, { code, reason }: ProcessEnd): void {
    if (this.#worker !== worker) return;
    const servedMs =
      this.#servesSinceMs === undefined ? 0 : Math.max(1, this.#deps.clock() - this.#servesSinceMs);
    const how = this.#reason ?? reason ?? `code ${code ?? 0}`;
    this.#worker = this.#servesSinceMs = this.#reason = undefined;
    this.#deps.onEnd(this, { pid: worker.pid, how, isOrderly: code === 0, servedMs });
  }
}
