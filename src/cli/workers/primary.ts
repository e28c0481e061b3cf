import { ConfigError } from '../../settings/settings.ts';
import type { Clock } from '../../core/ports/clock.ts';
import type { Logger } from '../../core/ports/logger.ts';
import type { PeerMessage, PortHandle } from '../../server/handover/peer.ts';
import type { RestartAnswer } from '../../server/worker-group.ts';
import { BroadcastRequest } from './broadcast-request.ts';
import type { WorkerMark } from './mark.ts';
import type { Action, Opened, Order, Report } from './messages.ts';
import type { ServingProcess } from './serving-process.ts';
import { RollingRestart } from './rolling-restart.ts';
import { type End, WorkerSlot } from './worker-slot.ts';

export interface PrimaryDeps {
  readonly workers: number;
  /** Most time that a worker takes to ask its clients to reconnect, and to wait for their members. */
  readonly drainMs: number;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly fork: (mark: WorkerMark) => ServingProcess;
  /** True when a new process takes ports and state of the one that it replaces; workers of `node:cluster` share their ports. */
  readonly takesOver: boolean;
}

/**
 * Starts the workers, passes requests and signals on to them, and starts a worker again when it ends.
 * Until all of them listen, the failure of one is the failure of all.
 */
export class Primary {
  readonly #deps: PrimaryDeps;
  readonly #slots: WorkerSlot[];
  readonly #restart: RollingRestart;
  readonly #requests = new BroadcastRequest<WorkerSlot>();
  readonly #prepared = new Set<WorkerSlot>();
  readonly #opened = new Set<WorkerSlot>();
  #phase: 'starting' | 'serving' | 'stopping' = 'starting';
  #started: ((at: Opened) => void) | undefined;
  #failed: ((error: ConfigError) => void) | undefined;
  #allEnded: ((exitCode: number) => void) | undefined;
  #exitCode = 0;
  #stoppedAtMs = 0;
  /** Workers that ended unexpectedly and are started again. */
  #restarts = 0;

  constructor(deps: PrimaryDeps) {
    this.#deps = deps;
    const createSlot = (number: number): WorkerSlot => this.#createSlot(number);
    this.#slots = Array.from({ length: deps.workers }, (_, at) => createSlot(at + 1));
    this.#restart = new RollingRestart({ ...deps, slots: this.#slots, createSlot });
  }

  #createSlot(number: number): WorkerSlot {
    const { clock, fork } = this.#deps;
    return new WorkerSlot({
      number,
      clock,
      fork: () => fork({ number, restarts: this.#restarts }),
      onReport: (slot, report, handle) => this.#receive(slot, report, handle),
      onEnd: (slot, end) => this.#onEnd(slot, end),
    });
  }

  /** Resolves when every worker listens. Rejects with the error that a single process would have; no worker is left then. */
  start(): Promise<Opened> {
    return new Promise((resolve, reject) => {
      this.#started = resolve;
      this.#failed = reject;
      for (const slot of this.#slots) slot.start();
    });
  }

  /** SPEC 2.13: drains all workers. Resolves with the exit code when all have ended; a second call ends the drain at once. */
  stop(): Promise<number> {
    const order = this.#phase === 'stopping' ? 'finish-now' : 'stop';
    if (order === 'stop') this.#stoppedAtMs = this.#deps.clock();
    this.#phase = 'stopping';
    this.#restart.cancel();
    for (const slot of this.#slots) slot.cancelRestart();
    this.#sendAll({ order });
    return new Promise((resolve) => {
      this.#allEnded = resolve;
      this.#finishWhenEmpty();
    });
  }

  /** Replaces the workers one by one; false while that is under way already, or when the server stops. */
  restart(by: string): boolean {
    return this.#restart.begin(by);
  }

  /** Makes every worker read its certificate again. */
  reload(): void {
    this.#sendAll({ order: 'reload' });
  }

  #sendAll(order: Order): void {
    for (const slot of this.#allSlots) void slot.send(order);
  }

  /** Slots of all processes: also of a new worker that starts, and of a replaced one that drains. */
  get #allSlots(): WorkerSlot[] {
    return [...this.#slots, ...this.#restart.otherSlots];
  }

  #receive(slot: WorkerSlot, report: Report, handle?: PortHandle): void {
    switch (report.report) {
      case 'prepared':
        return this.#onPrepared(slot);
      case 'opened':
        return this.#onOpened(slot, report.at);
      case 'failed':
        return this.#onFailed(slot, report.problems);
      case 'ask':
        return void this.#request(slot, report);
      case 'answer':
        return this.#requests.answered(slot, report.id, report.answer);
      case 'peer':
        return void this.#pass(slot, report.message, handle);
      case 'act':
        return void slot.send({ order: 'answers', id: report.id, answers: [this.#act(report.action)] });
    }
  }

  /**
   * At the start no worker listens before all can, so that clients never find only a part of them.
   * A process loses messages that arrive before it listens to its channel, so an order to stop is repeated here.
   */
  #onPrepared(slot: WorkerSlot): void {
    if (this.#phase !== 'starting') {
      const mayServe = this.#phase === 'serving' && !this.#restart.isRetiring(slot);
      if (!mayServe) return void slot.send({ order: 'stop' });
      const takesOver = this.#deps.takesOver && this.#restart.peerOf(slot)?.isServing === true;
      return void slot.send({ order: 'listen', takesOver });
    }
    this.#prepared.add(slot);
    if (this.#prepared.size === this.#slots.length) this.#sendAll({ order: 'listen' });
  }

  /** Passes a message on to the worker that this one replaces, or that replaces it. */
  async #pass(from: WorkerSlot, message: PeerMessage, handle?: PortHandle): Promise<void> {
    await this.#restart.peerOf(from)?.send({ order: 'peer', message }, handle);
    if (from.sendsCopies) handle?.close();
  }

  #onOpened(slot: WorkerSlot, at: Opened): void {
    if (this.#restart.onOpened(slot)) return;
    if (this.#phase !== 'starting') {
      this.#deps.logger.warn('A restarted worker accepts connections again', { worker: slot.number });
      return;
    }
    this.#opened.add(slot);
    if (this.#opened.size < this.#slots.length) return;
    this.#phase = 'serving';
    this.#started?.(at);
  }

  #onFailed(slot: WorkerSlot, problems: readonly string[]): void {
    if (this.#phase === 'starting') this.#giveUp(problems);
    else slot.kill(problems.join('; '));
  }

  #giveUp(problems: readonly string[]): void {
    this.#phase = 'stopping';
    for (const slot of this.#slots) slot.kill('another worker failed');
    this.#failed?.(new ConfigError(problems));
  }

  #onEnd(slot: WorkerSlot, end: End): void {
    this.#requests.leave(slot);
    void this.#restart.peerOf(slot)?.send({ order: 'peer-ended' });
    const isOutOfService = this.#restart.onEnd(slot, end);
    if (this.#phase === 'starting')
      return this.#giveUp([`Worker ${slot.number} ended (${end.how}) before it could serve`]);
    if (this.#phase === 'stopping') return this.#onStopped(end);
    if (isOutOfService) return;
    this.#restarts += 1;
    const restartInMs = slot.restart(end);
    this.#deps.logger.warn(
      "A worker process exited: its clients were disconnected, and it is restarted. See the reason; after SIGKILL look for the kernel's out-of-memory killer",
      { worker: slot.number, pid: end.pid, reason: end.how, restartInMs },
    );
  }

  /** A worker that served and did not finish its drain has left sockets without a close frame: exit code 1. */
  #onStopped({ isOrderly, servedMs }: End): void {
    if (!isOrderly && servedMs > 0) this.#exitCode = 1;
    this.#finishWhenEmpty();
  }

  #finishWhenEmpty(): void {
    if (this.#allEnded === undefined || this.#allSlots.some((slot) => slot.hasWorker)) return;
    this.#logEnd();
    this.#allEnded(this.#exitCode);
  }

  #logEnd(): void {
    const { logger, workers, clock } = this.#deps;
    if (workers === 1) return;
    const seconds = Math.round((clock() - this.#stoppedAtMs) / 100) / 10;
    logger.warn('The server has stopped: all workers have ended', {
      workers,
      seconds,
      exitCode: this.#exitCode,
    });
  }

  async #request(from: WorkerSlot, asked: Extract<Report, { report: 'ask' }>): Promise<void> {
    const { question, argument, id } = asked;
    const request = { question, ...(argument && { argument }) };
    const slots = this.#slots.filter((slot) => slot.isServing);
    const answers = await this.#requests.ask(
      slots,
      (slot, requestId) => void slot.send({ order: 'answer', ...request, id: requestId }),
    );
    void from.send({ order: 'answers', id, answers });
  }

  #act({ restartBy }: Action): RestartAnswer {
    const isBegun = restartBy !== undefined && this.restart(restartBy);
    return { isBegun, state: this.#restart.state };
  }
}
