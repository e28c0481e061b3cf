import type { WebhookEndpoint } from '../../core/app.ts';
import type { Clock } from '../../core/ports/clock.ts';
import type { Logger } from '../../core/ports/logger.ts';
import type { Outbox, OutboxEntry } from '../../core/ports/webhooks.ts';
import { ignore } from '../../core/util/ignore.ts';
import { within } from '../../core/util/time.ts';
import { wants } from '../events.ts';
import type { WebhookSettings } from '../settings.ts';
import type { WebhooksDeps } from '../deps.ts';
import type { SendResult, Sink } from '../sink.ts';
import type { Batch } from './batch.ts';
import { Breaker } from './breaker.ts';
import { DeliveryCounts } from './counts.ts';
import { DeadLetters } from './dead-letters.ts';
import { DoneReports } from './done-reports.ts';
import { EndpointHealth } from './endpoint-health.ts';
import { Retries } from './retries.ts';
import { RetryPolicy } from './retry-policy.ts';
import { Window } from './window.ts';

export interface EndpointDeliveryDeps extends Pick<WebhooksDeps, 'live'> {
  /** Id of the app of the endpoint. */
  readonly app: string;
  readonly endpoint: WebhookEndpoint;
  readonly sink: Sink;
  readonly outbox: Outbox;
  readonly logger: Pick<Logger, 'warn'>;
  readonly clock: Clock;
  readonly settings: WebhookSettings;
}

type Failure = Extract<SendResult, { isDelivered: false }>;

/**
 * Delivers the events of one endpoint, at least once each: takes them from the outbox, sends them in the order of each channel, retries,
 * and gives up by the settings. It depends on no other endpoint.
 */
export class EndpointDelivery {
  readonly counts = new DeliveryCounts();
  readonly #deps: EndpointDeliveryDeps;
  readonly #breaker: Breaker;
  readonly #health: EndpointHealth;
  readonly #policy: RetryPolicy;
  readonly #done: DoneReports;
  readonly #deadLetters: DeadLetters;
  readonly #window: Window;
  readonly #inFlight = new Set<Promise<void>>();
  readonly #retries = new Retries();
  /** Entries that were taken and are not sent or given up yet. */
  #taken = 0;
  /** Nothing is sent before: the receiver asked for a pause. */
  #heldUntilMs = 0;
  #isTaking = false;
  #mayHaveMore = true;
  #takeAgainAtMs = 0;
  #timer: NodeJS.Timeout | undefined;
  #isClosed = false;
  /** Aborted when the time of `close` is over. */
  readonly #stopping = new AbortController();

  constructor(deps: EndpointDeliveryDeps) {
    const { sink, settings, outbox, endpoint, logger, clock } = deps;
    this.#deps = deps;
    this.#health = new EndpointHealth(endpoint.name, logger, clock);
    this.#policy = new RetryPolicy(settings, clock);
    this.#window = new Window(settings.batching);
    this.#done = new DoneReports(outbox, endpoint.name, this.#stopping.signal);
    this.#deadLetters = new DeadLetters(outbox, endpoint.name, this.#stopping.signal, () => {
      this.counts.dead += 1;
      this.#health.gaveUp();
    });
    this.#breaker = new Breaker(sink, settings, {
      attempted: (result) => this.#health.attempted(result),
      failing: () => this.#health.leftAlone(),
      well: () => this.#becomeWell(),
      probe: () => this.wake(),
    });
  }

  /** State for an operator. */
  get health(): EndpointHealth['report'] {
    return this.#health.report;
  }

  /** Looks into the outbox soon. */
  notify(): void {
    this.#mayHaveMore = true;
    this.wake();
  }

  /** Sends what may be sent, takes what there is room for, and sets the timer for the rest. Never throws. */
  wake(): void {
    if (this.#isClosed) return;
    this.#send();
    void this.#take();
    this.#setTimer();
  }

  /** Stops taking and waits for requests in flight; the rest stays in the outbox. */
  async close(): Promise<void> {
    const { settings, sink } = this.#deps;
    this.#isClosed = true;
    clearTimeout(this.#timer);
    await within(
      Promise.all(this.#inFlight).then(() => this.#done.idle()),
      settings.closeWithinMs,
    );
    this.#stopping.abort();
    this.#breaker.close();
    await sink.close();
    await Promise.all(this.#inFlight);
  }

  #send(): void {
    const { settings } = this.#deps;
    while (this.#inFlight.size < settings.maxInFlight && this.#mayAttempt()) {
      const batch = this.#nextBatch();
      if (batch === undefined) return;
      const attempt = this.#attempt(batch).finally(() => {
        this.#inFlight.delete(attempt);
        this.wake();
      });
      this.#inFlight.add(attempt);
    }
  }

  #mayAttempt(): boolean {
    return this.#breaker.mayAttempt && this.#deps.clock() >= this.#heldUntilMs;
  }

  /** The retry that is due first; a probe does not wait until it is due. Otherwise a new batch. */
  #nextBatch(): Batch | undefined {
    const nowMs = this.#deps.clock();
    const retry = this.#retries.earliest();
    if (retry === undefined || (retry.notBeforeMs > nowMs && !this.#breaker.isFailing))
      return this.#window.take(nowMs);
    this.#retries.delete(retry);
    return retry;
  }

  async #attempt(batch: Batch): Promise<void> {
    const { body, delivery } = batch;
    if (batch.attempts > 0) this.counts.retried += 1;
    const result = await this.#breaker.send({ body, delivery, attempt: batch.attempts + 1 });
    // An attempt that `close` ended says nothing about the endpoint: the event stays in the outbox.
    if (this.#stopping.signal.aborted && !result.isDelivered) return;
    if (this.#deps.live?.isWatched === true) this.#show(batch, result);
    if (result.isDelivered) this.#delivered(batch);
    else await this.#failed(batch, result);
  }

  #show({ entries, attempts }: Batch, result: SendResult): void {
    const { live, app, endpoint } = this.#deps;
    const reason = result.isDelivered ? undefined : result.reason;
    const events = [...new Set(entries.map(({ type }) => type))].join(', ');
    const details = {
      app,
      endpoint: endpoint.name,
      events,
      count: entries.length,
      attempt: attempts + 1,
      reason,
    };
    live?.webhook(result.isDelivered ? 'webhook_sent' : 'webhook_failed', details);
  }

  #delivered(batch: Batch): void {
    const nowMs = this.#deps.clock();
    if (!this.#breaker.isFailing) this.#health.delivered();
    this.counts.sent += batch.entries.length;
    for (const { timeMs } of batch.entries) this.counts.seconds.observe(Math.max(0, nowMs - timeMs) / 1000);
    this.#forget(batch);
    this.#done.add(batch.entries.map(({ id }) => id));
  }

  async #failed(batch: Batch, failure: Failure): Promise<void> {
    const { clock, outbox, endpoint } = this.#deps;
    batch.attempts += 1;
    this.counts.failed += 1;
    if (failure.isFinal || this.#policy.isOver(batch)) {
      await this.#deadLetters.add(batch.entries, failure.reason);
      this.#forget(batch);
    } else {
      batch.notBeforeMs = clock() + this.#policy.pauseMs(batch, failure.retryAfterMs);
      if (failure.retryAfterMs !== undefined) this.#heldUntilMs = clock() + failure.retryAfterMs;
      this.#retries.add(batch);
      // The count is kept here as well: an outbox that is away loses nothing but its copy.
      for (const { id } of batch.entries) outbox.failed(endpoint.name, id, batch.attempts).catch(ignore);
    }
    if (this.#breaker.isFailing) await this.#buryOld(failure.reason);
  }

  /** Gives up what became too old while the endpoint fails: otherwise the outbox would drop it when it is full. */
  async #buryOld(reason: string): Promise<void> {
    if (this.#deps.clock() < this.#heldUntilMs) return;
    const isPast = ({ queuedAtMs }: Batch | OutboxEntry): boolean => this.#policy.isPast(queuedAtMs);
    for (const batch of this.#retries.remove(isPast)) {
      await this.#deadLetters.add(batch.entries, reason);
      this.#forget(batch);
    }
    const waiting = this.#window.remove(isPast);
    await this.#deadLetters.add(waiting, reason);
    this.#taken -= waiting.length;
  }

  #forget(batch: Batch): void {
    this.#taken -= batch.entries.length;
    this.#window.release(batch);
  }

  async #take(): Promise<void> {
    const { outbox, endpoint, settings, clock } = this.#deps;
    if (!this.#mayTake() || (!this.#mayHaveMore && clock() < this.#takeAgainAtMs)) return;
    this.#isTaking = true;
    this.#mayHaveMore = false;
    this.#takeAgainAtMs = clock() + settings.pollMs;
    try {
      const entries = await outbox.take(endpoint.name, this.#room());
      this.#mayHaveMore ||= entries.length > 0;
      this.#add(entries);
    } catch {
      // Taken again after `pollMs`.
    } finally {
      this.#isTaking = false;
    }
    this.wake();
  }

  #room(): number {
    return this.#deps.settings.maxTaken - this.#taken - this.#done.size;
  }

  #mayTake(): boolean {
    return !this.#isTaking && this.#room() > 0;
  }

  #add(entries: readonly OutboxEntry[]): void {
    const { endpoint, clock } = this.#deps;
    const wanted = entries.filter((entry) => wants(endpoint, entry));
    this.#done.add(entries.filter((entry) => !wants(endpoint, entry)).map(({ id }) => id));
    for (const entry of wanted) this.#window.add(entry, clock());
    this.counts.due += wanted.length;
    this.#taken += wanted.length;
  }

  #setTimer(): void {
    clearTimeout(this.#timer);
    const nextMs = Math.min(this.#nextSendMs(), this.#mayTake() ? this.#takeAgainAtMs : Infinity);
    if (nextMs === Infinity) return;
    this.#timer = setTimeout(() => this.wake(), Math.max(1, nextMs - this.#deps.clock()));
    this.#timer.unref();
  }

  /** When there is something to send by then; `Infinity`: not before an attempt ends, an event arrives or a probe is due. */
  #nextSendMs(): number {
    if (this.#inFlight.size >= this.#deps.settings.maxInFlight || !this.#breaker.mayAttempt) return Infinity;
    const retryMs = this.#retries.earliest()?.notBeforeMs ?? Infinity;
    const readyMs = this.#window.readyAtMs() ?? Infinity;
    return Math.max(this.#heldUntilMs, Math.min(retryMs, readyMs));
  }

  #becomeWell(): void {
    this.#health.delivered();
    this.#retries.makeDue();
    this.wake();
  }
}
