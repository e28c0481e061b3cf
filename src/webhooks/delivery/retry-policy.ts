import type { Clock } from '../../core/ports/clock.ts';
import { backoffMs } from '../../core/util/backoff.ts';
import type { WebhookSettings } from '../settings.ts';
import type { Batch } from './batch.ts';

const JITTER = [0.5, 1] as const;

/**
 * Decides when a delivery is tried again, and when it is given up. The time for its attempts begins when it was put into the outbox,
 * or with this node if that is later: what waited while no node ran has the whole time, and so has a dead letter that was replayed.
 */
export class RetryPolicy {
  readonly #settings: WebhookSettings;
  readonly #clock: Clock;
  readonly #startedAtMs: number;

  constructor(settings: WebhookSettings, clock: Clock) {
    this.#settings = settings;
    this.#clock = clock;
    this.#startedAtMs = clock();
  }

  /** True when the time is over for what was put into the outbox then. */
  isPast(queuedAtMs: number): boolean {
    return this.#leftMs(queuedAtMs) <= 0;
  }

  /** True when a batch that failed gets no further attempt. */
  isOver({ attempts, queuedAtMs }: Batch): boolean {
    const { maxAttempts } = this.#settings;
    return this.isPast(queuedAtMs) || (maxAttempts > 0 && attempts >= maxAttempts);
  }

  /** Back-off, so that the last attempt is made when the time is over; a pause that the receiver asks for is kept in full. */
  pauseMs({ attempts, queuedAtMs }: Batch, askedMs = 0): number {
    const { firstRetryMs: firstMs, mostRetryMs: mostMs } = this.#settings;
    const backoff = backoffMs(attempts - 1, { firstMs, mostMs, jitter: JITTER });
    return Math.max(askedMs, Math.min(backoff, this.#leftMs(queuedAtMs)));
  }

  #leftMs(queuedAtMs: number): number {
    return Math.max(queuedAtMs, this.#startedAtMs) + this.#settings.giveUpAfterMs - this.#clock();
  }
}
