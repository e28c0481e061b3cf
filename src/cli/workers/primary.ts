import type { Worker } from 'node:cluster';
import { ConfigError } from '../../settings/settings.ts';
import type { Clock } from '../../core/ports/clock.ts';
import type { Logger } from '../../core/ports/logger.ts';
import { BroadcastRequest } from './broadcast-request.ts';
import type { Opened, Order, Report } from './messages.ts';
import { type End, WorkerSlot } from './worker-slot.ts';

export interface PrimaryNeeds {
  readonly workers: number;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly fork: (number: number) => Worker;
}

/**
 * Starts workers, passes on what it is told, and fills each place that falls empty.
 * Until all have opened, the failure of one is the failure of all.
 */
export class Primary {
  readonly #needs: PrimaryNeeds;
  readonly #seats: readonly WorkerSlot[];
  readonly #inquiry = new BroadcastRequest();
  readonly #prepared = new Set<WorkerSlot>();
  readonly #opened = new Set<WorkerSlot>();
  #phase: 'starting' | 'serving' | 'stopping' = 'starting';
  #started: ((at: Opened) => void) | undefined;
  #failed: ((error: ConfigError) => void) | undefined;
  #allGone: ((exitCode: number) => void) | undefined;
  #exitCode = 0;

  constructor(needs: PrimaryNeeds) {
    this.#needs = needs;
    const { clock, fork } = needs;
    this.#seats = Array.from(
      { length: needs.workers },
      (_, at) =>
        new WorkerSlot({
          number: at + 1,
          clock,
          fork,
          heard: (seat, report) => this.#heard(seat, report),
          ended: (seat, end) => this.#ended(seat, end),
        }),
    );
  }

  /** Resolves when every worker has opened the door; rejects with what a single process would have said, and then none is left to serve. */
  start(): Promise<Opened> {
    return new Promise((resolve, reject) => {
      this.#started = resolve;
      this.#failed = reject;
      for (const seat of this.#seats) seat.fill();
    });
  }

  /** SPEC 2.13, by all of them. Resolves with the exit code when all are gone; called again, it hastens. */
  stop(): Promise<number> {
    const order = this.#phase === 'stopping' ? 'hasten' : 'stop';
    this.#phase = 'stopping';
    for (const seat of this.#seats) seat.shut();
    this.#tellAll({ order });
    return new Promise((resolve) => {
      this.#allGone = resolve;
      this.#leaveWhenEmpty();
    });
  }

  /** Every worker reads the certificate again. */
  reload(): void {
    this.#tellAll({ order: 'reload' });
  }

  #tellAll(order: Order): void {
    for (const seat of this.#seats) seat.tell(order);
  }

  #heard(seat: WorkerSlot, report: Report): void {
    switch (report.report) {
      case 'prepared':
        return this.#isPrepared(seat);
      case 'opened':
        return this.#isOpen(seat, report.at);
      case 'failed':
        return this.#hasFailed(seat, report.problems);
      case 'ask':
        return void this.#ask(seat, report.question, report.id);
      case 'answer':
        return this.#inquiry.answered(seat.number, report.id, report.answer);
    }
  }

  /**
   * At the start nobody opens before all can: no client meets a part of them.
   * A process loses messages that arrive before it listens to its channel, so an order to stop is sent again here.
   */
  #isPrepared(seat: WorkerSlot): void {
    if (this.#phase !== 'starting') return seat.tell({ order: this.#phase === 'serving' ? 'open' : 'stop' });
    this.#prepared.add(seat);
    if (this.#prepared.size === this.#seats.length) this.#tellAll({ order: 'open' });
  }

  #isOpen(seat: WorkerSlot, at: Opened): void {
    if (this.#phase !== 'starting') {
      this.#needs.logger.warn('A worker serves in its place', { worker: seat.number });
      return;
    }
    this.#opened.add(seat);
    if (this.#opened.size < this.#seats.length) return;
    this.#phase = 'serving';
    this.#started?.(at);
  }

  #hasFailed(seat: WorkerSlot, problems: readonly string[]): void {
    if (this.#phase === 'starting') this.#giveUp(problems);
    else seat.kill(problems.join('; '));
  }

  #giveUp(problems: readonly string[]): void {
    this.#phase = 'stopping';
    for (const seat of this.#seats) seat.kill('another worker failed');
    this.#failed?.(new ConfigError(problems));
  }

  #ended(seat: WorkerSlot, end: End): void {
    this.#inquiry.left(seat.number);
    if (this.#phase === 'starting')
      return this.#giveUp([`Worker ${seat.number} ended (${end.how}) before it could serve`]);
    if (this.#phase === 'stopping') return this.#left(end);
    const againInMs = seat.fillAgain(end);
    this.#needs.logger.warn('A worker has ended and is started again', {
      worker: seat.number,
      how: end.how,
      againInMs,
    });
  }

  /** A worker that served and did not finish its drain has left sockets without a close frame: exit code 1. */
  #left({ isOrderly, servedMs }: End): void {
    if (!isOrderly && servedMs > 0) this.#exitCode = 1;
    this.#leaveWhenEmpty();
  }

  #leaveWhenEmpty(): void {
    if (!this.#seats.some((seat) => seat.isTaken)) this.#allGone?.(this.#exitCode);
  }

  async #ask(asker: WorkerSlot, question: string, id: number): Promise<void> {
    const seats = this.#seats.filter((seat) => seat.serves);
    const answers = await this.#inquiry.ask(
      seats.map(({ number }) => number),
      (number, inquiry) => this.#seats[number - 1]?.tell({ order: 'answer', question, id: inquiry }),
    );
    asker.tell({ order: 'answers', id, answers });
  }
}
