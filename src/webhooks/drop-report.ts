import type { Clock } from '../core/ports/clock.ts';
import type { Logger } from '../core/ports/logger.ts';
import type { Outbox } from '../core/ports/webhooks.ts';

const LINE_PAUSE_MS = 60_000;

/** Logs how many events the outbox has dropped, each of them in one line, at most one line a minute. */
export class DropReport {
  readonly #outbox: Pick<Outbox, 'dropped'>;
  readonly #logger: Pick<Logger, 'warn'>;
  readonly #clock: Clock;
  #reported = 0;
  #lineAtMs = -Infinity;

  constructor(outbox: Pick<Outbox, 'dropped'>, logger: Pick<Logger, 'warn'>, clock: Clock) {
    this.#outbox = outbox;
    this.#logger = logger;
    this.#clock = clock;
  }

  /** Called from time to time. */
  check(): void {
    if (this.#clock() >= this.#lineAtMs + LINE_PAUSE_MS) this.flush();
  }

  /** Reports what is left, also within the minute. */
  flush(): void {
    const dropped = this.#outbox.dropped - this.#reported;
    if (dropped === 0) return;
    this.#reported += dropped;
    this.#lineAtMs = this.#clock();
    this.#logger.warn(
      `${dropped} webhook events were dropped, because too many waited or Redis was away for too long; see WAVEHALL_WEBHOOK_MAX_WAITING`,
    );
  }
}
