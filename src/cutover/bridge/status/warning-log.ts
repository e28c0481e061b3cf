import type { Logger } from '../../../core/ports/logger.ts';
import type { RequestOutcome } from '../ports/requests.ts';
import type { BridgeCounters } from './counters.ts';

/** Pause before the same warning is logged again. */
const WARNING_PAUSE_MS = 60_000;

interface WarningLogDeps {
  readonly appId: string;
  readonly upstream: { readonly url: URL };
  readonly logger: Logger;
  readonly counters: BridgeCounters;
}

/**
 * SPEC 11.13, 11.17: logs what is wrong with the upstream, at most once a minute, in a sentence that names the setting;
 * the counters keep the last error.
 */
export class WarningLog {
  readonly #app: string;
  readonly #url: string;
  readonly #logger: Logger;
  readonly #counters: BridgeCounters;
  readonly #warnedAtMs = new Map<string, number>();
  #isLost = false;

  constructor({ appId, upstream: { url }, logger, counters }: WarningLogDeps) {
    this.#app = appId;
    this.#url = `${url.protocol}//${url.host}${url.pathname}`.replace(/\/$/, '');
    this.#logger = logger;
    this.#counters = counters;
  }

  connectionFailed(reason: string): void {
    this.#counters.error(reason);
    if (this.#isLost) return;
    this.#isLost = true;
    this.#logger.warn(connectionWarning(reason), { app: this.#app, upstream: this.#url, reason });
  }

  connectionRestored(lostForMs: number): void {
    if (!this.#isLost) return;
    this.#isLost = false;
    this.#logger.warn('The bridge is connected to the upstream again', {
      app: this.#app,
      upstream: this.#url,
      lostForSeconds: Math.round(lostForMs / 1000),
    });
  }

  notTerminated(user: string, { text }: RequestOutcome): void {
    this.#counters.error(`terminate: ${text}`);
    this.#warn(
      'A user may still be connected at the upstream: it did not accept the termination, which is not tried again. Terminate the user there',
      { user, answer: text },
    );
  }

  notForwarded({ kind, text }: RequestOutcome): void {
    this.#counters.error(`${kind}: ${text}`);
  }

  refusedEvent({ status, text }: Extract<RequestOutcome, { kind: 'refused' }>): void {
    if (status === 401 || status === 403)
      this.#warn(
        'WAVEHALL_CUTOVER_UPSTREAM: the upstream refuses the signature of the bridge; the app must have the same id and secret there',
        { status, answer: text },
      );
    else if (status === 404)
      this.#warn('WAVEHALL_CUTOVER_UPSTREAM: the upstream has no app with this id', { status, answer: text });
    else if (status === 413)
      this.#warn('An event is larger than the upstream accepts; raise REVERB_MAX_REQUEST_SIZE there', {
        status,
      });
    else
      this.#warn(`The upstream refused an event (HTTP ${status}): its clients did not receive it`, {
        status,
        answer: text,
      });
  }

  /** An error frame without a channel: Reverb answers a refused subscription so. */
  errorFrame(text: string): void {
    this.#counters.error(text);
    const isSignature = /unauthori[sz]ed|signature|auth/i.test(text);
    this.#warn(
      isSignature
        ? 'WAVEHALL_CUTOVER_UPSTREAM: the upstream refuses a subscription of the bridge; the app must have the same secret there'
        : "The upstream sent the bridge an error: look it up by its code in the upstream's log",
      { answer: text },
    );
  }

  /** Logs at most once a minute for each sentence. */
  #warn(what: string, details: Readonly<Record<string, string | number>>): void {
    const now = Date.now();
    if (now - (this.#warnedAtMs.get(what) ?? -Infinity) < WARNING_PAUSE_MS) return;
    this.#warnedAtMs.set(what, now);
    this.#logger.warn(what, { app: this.#app, upstream: this.#url, ...details });
  }
}

function connectionWarning(reason: string): string {
  if (/^4001\b/.test(reason) || /does not exist/i.test(reason))
    return 'WAVEHALL_CUTOVER_UPSTREAM: the upstream has no app with this key';
  if (/^4003\b/.test(reason)) return 'WAVEHALL_CUTOVER_UPSTREAM: the app is disabled at the upstream';
  if (/^4004\b/.test(reason))
    return 'WAVEHALL_CUTOVER_UPSTREAM: the app is over its connection quota at the upstream';
  if (/origin/i.test(reason))
    return 'WAVEHALL_CUTOVER_ORIGIN: the upstream does not allow the origin that the bridge sends';
  return 'The bridge has no connection to the upstream and retries: clients on Wavehall miss what is published there, and events for it wait for at most WAVEHALL_CUTOVER_QUEUE_SECONDS. Check that the upstream runs; at the first start, check WAVEHALL_CUTOVER_UPSTREAM';
}
