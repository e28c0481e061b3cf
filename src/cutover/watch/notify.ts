import { type Credential, webhookHeaders } from '#protocol';
import type { Logger } from '../../core/ports/logger.ts';
import { backoffMs } from '../../core/util/backoff.ts';
import { sleep } from '../../core/util/time.ts';
import { sendRequest } from '../../net/http-client.ts';
import type { RollbackNote } from './rollback.ts';

const NOTIFY_TIMEOUT_MS = 5000;
const ATTEMPTS = 5;
/** Pauses between attempts: 1, 2, 4 and 8 s. */
const RETRY = { firstMs: 1000, mostMs: 8000 };
/** Notifications that wait to be sent. A rollback is rare: more of them mean a URL that does not answer. */
const MOST_WAITING_NOTES = 16;

export interface NotifierOptions {
  readonly url: URL;
  /** Signs the request as the app's webhooks are signed. */
  readonly credential: Credential;
  readonly logger: Pick<Logger, 'warn'>;
  readonly timeoutMs?: number;
  /** Resolves after the time, or when the signal aborts. */
  readonly pause?: (ms: number, signal: AbortSignal) => Promise<void>;
}

export interface NotifierCounts {
  sent: number;
  /** Given up after every attempt, or refused. */
  failed: number;
  /** Never tried, because too many were waiting. */
  dropped: number;
}

interface Refusal {
  readonly reason: string;
  readonly attempts: number;
}

/** Sends a POST to a URL after each rollback, signed as Pusher's webhooks are (SPEC 9.1, 11.15). Never more than one request at a time. */
export class Notifier {
  readonly #options: NotifierOptions;
  readonly #waiting: RollbackNote[] = [];
  readonly #stopping = new AbortController();
  readonly #counts: NotifierCounts = { sent: 0, failed: 0, dropped: 0 };
  #running: Promise<void> | undefined;

  constructor(options: NotifierOptions) {
    this.#options = options;
  }

  send(note: RollbackNote): void {
    if (this.#stopping.signal.aborted) return;
    if (this.#waiting.length >= MOST_WAITING_NOTES) {
      this.#waiting.shift();
      this.#counts.dropped += 1;
    }
    this.#waiting.push(note);
    this.#running ??= this.#run().finally(() => (this.#running = undefined));
  }

  counts(): Readonly<NotifierCounts> {
    return { ...this.#counts };
  }

  /** Resolves when no notification is waiting or in flight. */
  async idle(): Promise<void> {
    await this.#running;
  }

  /** Aborts the request in flight and drops waiting notifications. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#waiting.length = 0;
    await this.#running;
  }

  async #run(): Promise<void> {
    for (let note = this.#waiting.shift(); note !== undefined; note = this.#waiting.shift()) {
      const refusal = await this.#deliver(encodeRollbackNote(note));
      if (refusal === undefined) this.#counts.sent += 1;
      else this.#giveUp(note, refusal);
    }
  }

  /** Resolves with the failure; `undefined`: delivered. */
  async #deliver(body: string): Promise<Refusal | undefined> {
    const { pause = sleep } = this.#options;
    let refusal: Refusal = { reason: '', attempts: 0 };
    for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
      if (attempt > 0) await pause(backoffMs(attempt - 1, RETRY), this.#stopping.signal);
      if (this.#stopping.signal.aborted) return { ...refusal, reason: 'the server stops' };
      const { status, reason } = await this.#attempt(body);
      if (status >= 200 && status < 300) return undefined;
      refusal = { reason, attempts: attempt + 1 };
      if (isFinal(status)) break;
    }
    return refusal;
  }

  async #attempt(body: string): Promise<{ status: number; reason: string }> {
    const { url, credential, timeoutMs = NOTIFY_TIMEOUT_MS } = this.#options;
    try {
      const headers = webhookHeaders(credential, body);
      const { signal } = this.#stopping;
      const { status } = await sendRequest(url, { method: 'POST', body, headers, timeoutMs, signal });
      return { status, reason: `HTTP ${status}` };
    } catch (error) {
      return { status: 0, reason: (error as Error).message };
    }
  }

  #giveUp({ fromPercent, toPercent }: RollbackNote, refusal: Refusal): void {
    this.#counts.failed += 1;
    if (this.#stopping.signal.aborted) return;
    this.#options.logger.warn(
      `The notification of the rollback from ${fromPercent} % to ${toPercent} % was not delivered: check WAVEHALL_CUTOVER_NOTIFY_URL and its receiver`,
      { ...refusal },
    );
  }
}

/** Body of the request: a webhook with one event. */
export const encodeRollbackNote = ({
  atMs,
  fromPercent,
  toPercent,
  breachMs,
  reasons,
}: RollbackNote): string =>
  JSON.stringify({
    time_ms: atMs,
    events: [
      {
        name: 'cutover_rollback',
        from_percent: fromPercent,
        to_percent: toPercent,
        breach_ms: breachMs,
        reasons,
      },
    ],
  });

/** True when the receiver refuses for good. */
const isFinal = (status: number): boolean =>
  status >= 300 && status < 500 && status !== 408 && status !== 429;
