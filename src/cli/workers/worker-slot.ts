import type { Worker } from 'node:cluster';
import type { Clock } from '../../core/ports/clock.ts';
import { Backoff } from './backoff.ts';
import type { Order, Report } from './messages.ts';

export interface WorkerSlotNeeds {
  readonly number: number;
  readonly clock: Clock;
  fork(number: number): Worker;
  heard(seat: WorkerSlot, report: Report): void;
  ended(seat: WorkerSlot, end: End): void;
}

/** How a worker ended. */
export interface End {
  readonly how: string;
  /** Every socket had been sent away before. */
  readonly isOrderly: boolean;
  /** 0: it never served. */
  readonly servedMs: number;
}

/** A place for one worker at a time. */
export class WorkerSlot {
  readonly number: number;
  readonly #needs: WorkerSlotNeeds;
  readonly #backoff = new Backoff();
  #worker: Worker | undefined;
  #servesSinceMs: number | undefined;
  #reason: string | undefined;
  #waiting: NodeJS.Timeout | undefined;

  constructor(needs: WorkerSlotNeeds) {
    this.#needs = needs;
    this.number = needs.number;
  }

  get isTaken(): boolean {
    return this.#worker !== undefined;
  }

  get serves(): boolean {
    return this.#servesSinceMs !== undefined;
  }

  fill(): void {
    const worker = this.#needs.fork(this.number);
    this.#worker = worker;
    worker.on('message', (report: Report) => {
      if (report.report === 'opened') this.#servesSinceMs = this.#needs.clock();
      this.#needs.heard(this, report);
    });
    worker.once('exit', (code, signal) => this.#end(worker, code, signal));
    // What could not be forked has no exit.
    worker.once('error', (error) => this.#end(worker, undefined, error.message));
  }

  /** Later, and each time later than before while its workers do not last. Returns after how long. */
  fillAgain({ servedMs }: End): number {
    const waitMs = this.#backoff.next(servedMs);
    this.#waiting = setTimeout(() => this.fill(), waitMs);
    return waitMs;
  }

  /** Starts no process in this slot any more. */
  shut(): void {
    clearTimeout(this.#waiting);
  }

  /** To one that has just ended it is lost: its end is heard of elsewhere. */
  tell(order: Order): void {
    if (this.#worker?.isConnected() === true) this.#worker.send(order, () => undefined);
  }

  /** Its own exit could be heard of before its reason. */
  kill(reason: string): void {
    this.#reason = reason;
    this.#worker?.process.kill('SIGKILL');
  }

  #end(worker: Worker, code: number | undefined, signal: string | null): void {
    if (this.#worker !== worker) return;
    const servedMs =
      this.#servesSinceMs === undefined ? 0 : Math.max(1, this.#needs.clock() - this.#servesSinceMs);
    const how = this.#reason ?? signal ?? `code ${code ?? 0}`;
    this.#worker = this.#servesSinceMs = this.#reason = undefined;
    this.#needs.ended(this, { how, isOrderly: code === 0, servedMs });
  }
}
