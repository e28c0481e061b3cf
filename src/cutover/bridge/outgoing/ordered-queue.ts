import { backoffMs } from '../../../core/util/backoff.ts';
import { sleep } from '../../../core/util/time.ts';
import { batchSize, type Forward, requestOf } from './batch.ts';
import type { WarningLog } from '../warning-log.ts';
import type { Echoes, PendingEcho } from '../echo/echoes.ts';
import { keyOf } from '../frame.ts';
import type { BridgeLimits } from '../limits.ts';
import type { Copy } from '../echo/node-notes.ts';
import type { RequestOutcome } from '../connection/upstream-api.ts';
import type { DropReason, BridgeCounters } from '../state.ts';

export interface OrderedQueueNeeds {
  readonly limits: BridgeLimits;
  readonly figures: BridgeCounters;
  readonly echoes: Echoes;
  readonly complaints: WarningLog;
  send(path: string, body: string): Promise<RequestOutcome>;
  /** The event is forwarded, or given up. */
  left(forward: Forward): void;
  /** Whether the last request failed. */
  away(isAway: boolean): void;
}

/** SPEC 11.7: forwards events one request after the other, so that their order is kept. */
export class OrderedQueue {
  readonly #needs: OrderedQueueNeeds;
  readonly #queue: Forward[] = [];
  #isRunning = false;
  #isStopped = false;
  #failures = 0;
  #pausing = new AbortController();

  constructor(needs: OrderedQueueNeeds) {
    this.#needs = needs;
  }

  push(forward: Forward): void {
    this.#queue.push(forward);
    if (!this.#isRunning) void this.#run();
  }

  /** The other side is back: no need to wait longer. */
  hasten(): void {
    this.#pausing.abort();
  }

  stop(): void {
    this.#isStopped = true;
    this.#pausing.abort();
    this.#leave(this.#queue.splice(0), 'stopped');
  }

  async #run(): Promise<void> {
    this.#isRunning = true;
    // Events of one tick travel together.
    await new Promise<void>((resolve) => setImmediate(resolve));
    while (this.#queue.length > 0 && !this.#isStopped) await this.#step();
    this.#isRunning = false;
  }

  async #step(): Promise<void> {
    this.#dropOld();
    let batch = this.#queue.splice(0, batchSize(this.#queue, this.#needs.limits));
    let ticket: PendingEcho | undefined;
    while (batch.length > 0) {
      ticket = await this.#needs.echoes.announce(batch.map(copyOf), ticket);
      const { path, body } = requestOf(batch);
      const outcome = await this.#needs.send(path, body);
      const left = await this.#judge(batch, ticket, outcome);
      if (left.length < batch.length || outcome.kind !== 'failed') {
        this.#needs.echoes.answered(ticket);
        ticket = undefined;
      }
      batch = left;
      if (batch.length > 0) await this.#pause();
      if (this.#isStopped) this.#leave(batch.splice(0), 'stopped');
      const young = this.#young(batch);
      if (young.length < batch.length && ticket !== undefined) {
        this.#needs.echoes.answered(ticket);
        ticket = undefined;
      }
      batch = young;
    }
    if (ticket !== undefined) this.#needs.echoes.answered(ticket);
  }

  /** What has to be sent again. */
  async #judge(batch: Forward[], ticket: PendingEcho, outcome: RequestOutcome): Promise<Forward[]> {
    if (outcome.kind === 'taken') return this.#done(batch);
    this.#needs.complaints.notForwarded(outcome);
    if (outcome.kind === 'refused') return this.#refused(batch, outcome);
    if (this.#isTooLarge(batch, outcome)) return this.#lose(batch, 'too-large');
    this.#failures += 1;
    this.#needs.away(true);
    if (outcome.kind !== 'failed') await this.#needs.echoes.heardOut(ticket);
    return this.#carriedOut(batch, ticket, outcome.kind === 'late');
  }

  /** What came back was carried out, and so was what is before it in the batch. */
  #carriedOut(batch: Forward[], ticket: PendingEcho, isLate: boolean): Forward[] {
    const fates = batch.map((_, at) => this.#needs.echoes.fate(ticket, at));
    const heard = fates.lastIndexOf('carried out') + 1;
    this.#needs.figures.forwarded += heard;
    this.#leave(batch.slice(0, heard));
    // What the other side may still carry out is not sent again.
    const isLost = (at: number): boolean => isLate && fates[at] === 'unknown';
    this.#leave(
      batch.filter((_, at) => at >= heard && isLost(at)),
      'unanswered',
    );
    return batch.filter((_, at) => at >= heard && !isLost(at));
  }

  #done(batch: Forward[]): Forward[] {
    this.#failures = 0;
    this.#needs.away(false);
    this.#needs.figures.forwarded += batch.length;
    this.#leave(batch);
    return [];
  }

  #refused(batch: Forward[], outcome: Extract<RequestOutcome, { kind: 'refused' }>): Forward[] {
    const isOneBad = batch.length > 1 && [400, 413, 422].includes(outcome.status);
    if (isOneBad) {
      for (const forward of batch) forward.alone = true;
      this.#queue.unshift(...batch);
      return [];
    }
    this.#needs.complaints.refusedEvent(outcome);
    return this.#lose(batch, 'refused');
  }

  /** Reverb ends the connection instead of reading a request that is too large for it. */
  #isTooLarge([first]: readonly Forward[], { text }: { readonly text: string }): boolean {
    if (first === undefined || first.bytes <= this.#needs.limits.batchBytes) return false;
    if (!['ECONNRESET', 'EPIPE'].includes(text)) return false;
    first.cut += 1;
    return first.cut > 1;
  }

  #lose(batch: readonly Forward[], reason: DropReason): Forward[] {
    this.#leave(batch, reason);
    return [];
  }

  #dropOld(): void {
    const young = this.#young(this.#queue);
    if (young.length < this.#queue.length) this.#queue.splice(0, this.#queue.length, ...young);
  }

  #young(forwards: readonly Forward[]): Forward[] {
    const since = Date.now() - this.#needs.limits.queueAgeMs;
    const old = forwards.filter(({ atMs }) => atMs < since);
    this.#leave(old, 'too-old');
    return old.length === 0 ? [...forwards] : forwards.filter(({ atMs }) => atMs >= since);
  }

  #leave(forwards: readonly Forward[], reason?: DropReason): void {
    if (reason !== undefined && forwards.length > 0) this.#needs.figures.drop(reason, forwards.length);
    for (const forward of forwards) this.#needs.left(forward);
  }

  #pause(): Promise<void> {
    const { retryFirstMs: firstMs, retryMostMs: mostMs } = this.#needs.limits;
    this.#pausing = new AbortController();
    return sleep(backoffMs(this.#failures - 1, { firstMs, mostMs }), this.#pausing.signal);
  }
}

const copyOf = ({ channel, name, data }: Forward): Copy => ({
  channel,
  key: keyOf(name, data),
  user: undefined,
});
