import type { Clock } from '../../core/ports/clock.ts';
import type { Logger } from '../../core/ports/logger.ts';
import type { SendResult } from '../sink.ts';

/** Time after a line about events that were given up in which another such time has no line: some events are refused, others not. */
const LINE_PAUSE_MS = 60_000;

/**
 * Health of an endpoint, as an operator sees it. It begins to fail when it is left alone or an event is given up, and is well again with the
 * next delivery. The log has a line for both.
 */
export class EndpointHealth {
  readonly #name: string;
  readonly #logger: Pick<Logger, 'warn'>;
  readonly #clock: Clock;
  #isFailing = false;
  #sinceMs: number;
  #lineAtMs = -Infinity;
  #lastStatus: number | undefined;
  #lastReason = '';

  constructor(name: string, logger: Pick<Logger, 'warn'>, clock: Clock) {
    this.#name = name;
    this.#logger = logger;
    this.#clock = clock;
    this.#sinceMs = clock();
  }

  get report() {
    return {
      state: this.#isFailing ? ('failing' as const) : ('ok' as const),
      sinceMs: this.#sinceMs,
      lastStatus: this.#lastStatus ?? null,
      lastReason: this.#lastReason,
    };
  }

  /** Keeps the result of an attempt; called before what follows from it. */
  attempted(result: SendResult): void {
    this.#lastStatus = result.status;
    if (!result.isDelivered) this.#lastReason = result.reason;
  }

  /** Most attempts fail: only probes are made from now on. */
  leftAlone(): void {
    if (!this.#isFailing) this.#beginFailing();
  }

  /** An event went to the dead letters. */
  gaveUp(): void {
    if (!this.#isFailing && this.#clock() >= this.#lineAtMs + LINE_PAUSE_MS) this.#beginFailing();
  }

  /** It delivers, and is not left alone. */
  delivered(): void {
    if (!this.#isFailing) return;
    this.#logger.warn(`Webhook endpoint ${this.#name} delivers again`, {
      failedForSeconds: Math.round((this.#clock() - this.#sinceMs) / 1000),
    });
    this.#change(false);
  }

  #beginFailing(): void {
    this.#lineAtMs = this.#clock();
    this.#logger.warn(
      `Webhook endpoint ${this.#name} fails: ${this.#lastReason}. Its events are retried, and kept when they are given up; \`wavehall webhooks failed\` lists those`,
    );
    this.#change(true);
  }

  #change(isFailing: boolean): void {
    this.#isFailing = isFailing;
    this.#sinceMs = this.#clock();
  }
}
