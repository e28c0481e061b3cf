import type { Clock } from '../../core/ports/clock.ts';
import type { Logger } from '../../core/ports/logger.ts';
import type { RestartState } from '../../server/worker-group.ts';
import type { End, WorkerSlot } from './worker-slot.ts';

/** Time that a new worker has to serve. */
const START_MS = 60_000;
/** Time that a worker has to end after its drain. */
const END_GRACE_MS = 15_000;

export interface RollingRestartDeps {
  /** Slots in service. A slot is replaced by the one of its new worker. */
  readonly slots: WorkerSlot[];
  /** Most time that a worker takes to close its clients, and to wait for their members. */
  readonly drainMs: number;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly createSlot: (number: number) => WorkerSlot;
}

const NEVER: RestartState = {
  phase: 'never',
  replaced: 0,
  workers: 0,
  by: '',
  startedAtMs: 0,
  endedAtMs: 0,
};

const isSingle = (slots: readonly WorkerSlot[]): boolean => slots.length === 1;

/**
 * Replaces the workers one by one: a new worker serves before the old one drains, so that the port is never without one. A
 * new worker that cannot serve ends the restart; the old ones then go on.
 */
export class RollingRestart {
  readonly #deps: RollingRestartDeps;
  #state = NEVER;
  #incoming: { readonly slot: WorkerSlot; readonly settle: (problem?: string) => void } | undefined;
  #retiring: { readonly slot: WorkerSlot; readonly ended: () => void } | undefined;
  #isCancelled = false;
  #pair: { readonly old: WorkerSlot; readonly next: WorkerSlot } | undefined;

  constructor(deps: RollingRestartDeps) {
    this.#deps = deps;
  }

  get state(): RestartState {
    return this.#state;
  }

  /** Slots that are not in service: the one that starts and the one that drains. */
  get otherSlots(): WorkerSlot[] {
    return [this.#incoming?.slot, this.#retiring?.slot].filter((slot) => slot !== undefined);
  }

  /** Begins to replace all workers; false while a restart is running. `by`: who asked for it, for the log. */
  begin(by: string): boolean {
    if (this.#state.phase === 'running' || this.#isCancelled) return false;
    const { slots, clock, logger } = this.#deps;
    this.#state = { ...NEVER, phase: 'running', workers: slots.length, by, startedAtMs: clock() };
    logger.warn(
      isSingle(slots) ? 'The process is replaced by a new one' : 'The workers are replaced one by one',
      {
        workers: slots.length,
        by,
      },
    );
    void this.#run();
    return true;
  }

  /** The slot that replaces this one, or that this one replaces. */
  peerOf(slot: WorkerSlot): WorkerSlot | undefined {
    const { old, next } = this.#pair ?? {};
    if (slot === next) return old;
    return slot === old ? next : undefined;
  }

  /** Starts no further worker: the server stops. */
  cancel(): void {
    this.#isCancelled = true;
  }

  /** True for the new worker that was awaited. */
  onOpened(slot: WorkerSlot): boolean {
    if (slot !== this.#incoming?.slot) return false;
    this.#incoming.settle();
    return true;
  }

  /** True for a worker that is not in service: it is not started again. */
  onEnd(slot: WorkerSlot, { how, isOrderly }: End): boolean {
    if (slot === this.#incoming?.slot) {
      this.#incoming.settle(how);
      return true;
    }
    if (slot !== this.#retiring?.slot) return false;
    if (!isOrderly)
      this.#deps.logger.warn('A replaced worker did not end its drain: its last clients were disconnected', {
        worker: slot.number,
        reason: how,
      });
    this.#retiring.ended();
    return true;
  }

  isRetiring(slot: WorkerSlot): boolean {
    return slot === this.#retiring?.slot;
  }

  async #run(): Promise<void> {
    const { slots, logger, clock } = this.#deps;
    for (const [at, old] of [...slots].entries()) {
      const problem = this.#isCancelled ? 'the server stops' : await this.#replace(at, old);
      if (problem !== undefined) {
        this.#state = { ...this.#state, phase: 'failed', endedAtMs: clock(), problem };
        const { replaced, workers } = this.#state;
        return logger.warn(
          'The restart has ended early: what was not replaced serves on. See the reason, and restart again',
          { reason: problem, replaced, workers },
        );
      }
      this.#state = { ...this.#state, replaced: at + 1 };
    }
    this.#state = { ...this.#state, phase: 'done', endedAtMs: clock() };
    logger.warn(isSingle(slots) ? 'The process is replaced' : 'All workers are replaced', {
      workers: slots.length,
    });
  }

  /** Replaces one worker. Resolves when the old one has ended, or with the reason why the new one cannot serve. */
  async #replace(at: number, old: WorkerSlot): Promise<string | undefined> {
    const { slots, createSlot } = this.#deps;
    const next = createSlot(old.number);
    this.#pair = { old, next };
    const problem = await this.#start(next);
    if (problem === undefined) {
      slots[at] = next;
      old.cancelRestart();
      if (old.hasWorker) await this.#retire(old);
    }
    this.#pair = undefined;
    const name = isSingle(slots) ? 'the new process' : `worker ${old.number}`;
    return problem === undefined ? undefined : `${name} cannot start: ${problem}`;
  }

  async #start(slot: WorkerSlot): Promise<string | undefined> {
    const problem = await new Promise<string | undefined>((resolve) => {
      const timer = setTimeout(() => slot.kill(`it did not serve within ${START_MS / 1000} s`), START_MS);
      const settle = (reason?: string): void => {
        clearTimeout(timer);
        resolve(reason);
      };
      this.#incoming = { slot, settle };
      slot.start();
    });
    this.#incoming = undefined;
    return problem;
  }

  async #retire(slot: WorkerSlot): Promise<void> {
    const endMs = this.#deps.drainMs + END_GRACE_MS;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(() => slot.kill(`it did not end within ${endMs / 1000} s`), endMs);
      const ended = (): void => {
        clearTimeout(timer);
        resolve();
      };
      this.#retiring = { slot, ended };
      void slot.send({ order: 'retire' });
    });
    this.#retiring = undefined;
  }
}
