import { backoffMs } from '../../../core/util/backoff.ts';
import { sleep } from '../../../core/util/time.ts';
import type { BridgeLimits } from '../limits.ts';
import type { EchoAnnouncer, PendingEcho } from '../ports/echoes.ts';
import type { RequestOutcome } from '../ports/requests.ts';
import type { BridgeCounters, DropReason } from '../status/counters.ts';
import type { WarningLog } from '../status/warning-log.ts';
import { batchSize, type Forward, requestOf } from './batch.ts';

export interface OrderedQueueDeps {
  readonly limits: BridgeLimits;
  readonly counters: BridgeCounters;
  readonly echoes: EchoAnnouncer;
  readonly warnings: WarningLog;
  send(path: string, body: string): Promise<RequestOutcome>;
  /** The event is forwarded, or given up. */
  settled(forward: Forward): void;
  /** Reports whether the last request failed. */
  failing(isFailing: boolean): void;
}

/** SPEC 11.7: forwards events one request after the other, so that their order is kept. */
export class OrderedQueue {
  readonly #deps: OrderedQueueDeps;
  readonly #queue: Forward[] = [];
  #isRunning = false;
  #isStopped = false;
  #failures = 0;
  #pausing = new AbortController();

  constructor(deps: OrderedQueueDeps) {
    this.#deps = deps;
  }

  push(forward: Forward): void {
    this.#queue.push(forward);
    if (!this.#isRunning) void this.#run();
  }

  /** Ends the pause after a failure: the upstream can be reached again. */
  retryNow(): void {
    this.#pausing.abort();
  }

  stop(): void {
    this.#isStopped = true;
    this.#pausing.abort();
    this.#settle(this.#queue.splice(0), 'stopped');
  }

  async #run(): Promise<void> {
    this.#isRunning = true;
    // Events of one tick go in one request.
    await new Promise<void>((resolve) => setImmediate(resolve));
    while (this.#queue.length > 0 && !this.#isStopped) await this.#forwardBatch();
    this.#isRunning = false;
  }

  async #forwardBatch(): Promise<void> {
    this.#dropOld();
    let batch = this.#queue.splice(0, batchSize(this.#queue, this.#deps.limits));
    let pending: PendingEcho | undefined;
    while (batch.length > 0) {
      pending = await this.#deps.echoes.announce(batch, pending);
      const { path, body } = requestOf(batch);
      const outcome = await this.#deps.send(path, body);
      const unsent = await this.#unsent(batch, pending, outcome);
      if (unsent.length < batch.length || outcome.kind !== 'failed') {
        this.#deps.echoes.answered(pending);
        pending = undefined;
      }
      batch = unsent;
      if (batch.length > 0) await this.#pause();
      if (this.#isStopped) this.#settle(batch.splice(0), 'stopped');
      const young = this.#withoutOld(batch);
      if (young.length < batch.length && pending !== undefined) {
        this.#deps.echoes.answered(pending);
        pending = undefined;
      }
      batch = young;
    }
    if (pending !== undefined) this.#deps.echoes.answered(pending);
  }

  /** The events of a batch that have to be sent again. */
  async #unsent(batch: Forward[], pending: PendingEcho, outcome: RequestOutcome): Promise<Forward[]> {
    if (outcome.kind === 'taken') return this.#delivered(batch);
    this.#deps.warnings.notForwarded(outcome);
    if (outcome.kind === 'refused') return this.#refused(batch, outcome);
    if (this.#isTooLarge(batch, outcome)) return this.#drop(batch, 'too-large');
    this.#failures += 1;
    this.#deps.failing(true);
    if (outcome.kind !== 'failed') await this.#deps.echoes.waitForEchoes(pending);
    return this.#undelivered(batch, pending, outcome.kind === 'late');
  }

  /** An event whose echo came back was delivered, and so was every event before it in the batch. */
  #undelivered(batch: Forward[], pending: PendingEcho, isLate: boolean): Forward[] {
    const deliveries = batch.map((_, at) => this.#deps.echoes.deliveryOf(pending, at));
    const delivered = deliveries.lastIndexOf('delivered') + 1;
    this.#deps.counters.add('forwarded', delivered);
    this.#settle(batch.slice(0, delivered));
    // Not sent again: the upstream may still carry out the late request.
    const isLost = (at: number): boolean => isLate && deliveries[at] === 'unknown';
    this.#settle(
      batch.filter((_, at) => at >= delivered && isLost(at)),
      'unanswered',
    );
    return batch.filter((_, at) => at >= delivered && !isLost(at));
  }

  #delivered(batch: Forward[]): Forward[] {
    this.#failures = 0;
    this.#deps.failing(false);
    this.#deps.counters.add('forwarded', batch.length);
    this.#settle(batch);
    return [];
  }

  #refused(batch: Forward[], outcome: Extract<RequestOutcome, { kind: 'refused' }>): Forward[] {
    const isOneBad = batch.length > 1 && [400, 413, 422].includes(outcome.status);
    if (isOneBad) {
      for (const forward of batch) forward.alone = true;
      this.#queue.unshift(...batch);
      return [];
    }
    this.#deps.warnings.refusedEvent(outcome);
    return this.#drop(batch, 'refused');
  }

  /** Reverb closes the connection instead of reading a request that is too large. */
  #isTooLarge([first]: readonly Forward[], { text }: { readonly text: string }): boolean {
    if (first === undefined || first.bytes <= this.#deps.limits.batchBytes) return false;
    if (!['ECONNRESET', 'EPIPE'].includes(text)) return false;
    first.cut += 1;
    return first.cut > 1;
  }

  #drop(batch: readonly Forward[], reason: DropReason): Forward[] {
    this.#settle(batch, reason);
    return [];
  }

  #dropOld(): void {
    const young = this.#withoutOld(this.#queue);
    if (young.length < this.#queue.length) this.#queue.splice(0, this.#queue.length, ...young);
  }

  #withoutOld(forwards: readonly Forward[]): Forward[] {
    const since = Date.now() - this.#deps.limits.queueAgeMs;
    const old = forwards.filter(({ atMs }) => atMs < since);
    this.#settle(old, 'too-old');
    return old.length === 0 ? [...forwards] : forwards.filter(({ atMs }) => atMs >= since);
  }

  #settle(forwards: readonly Forward[], reason?: DropReason): void {
    if (reason !== undefined && forwards.length > 0) this.#deps.counters.drop(reason, forwards.length);
    for (const forward of forwards) this.#deps.settled(forward);
  }

  #pause(): Promise<void> {
    const { retryFirstMs: firstMs, retryMostMs: mostMs } = this.#deps.limits;
    this.#pausing = new AbortController();
    return sleep(backoffMs(this.#failures - 1, { firstMs, mostMs }), this.#pausing.signal);
  }
}
