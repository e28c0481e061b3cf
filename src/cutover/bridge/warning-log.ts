import type { Logger } from '../../core/ports/logger.ts';
import type { Upstream } from '../ports.ts';
import { objectIn, type ServerFrame, textOf } from './frame.ts';
import type { RequestOutcome } from './connection/upstream-api.ts';
import type { BridgeCounters } from './state.ts';

/** The same complaint is not made more often. */
const PAUSE_MS = 60_000;

interface WarningLogDeps {
  readonly appId: string;
  readonly upstream: Upstream;
  readonly logger: Logger;
  readonly counters: BridgeCounters;
}

/**
 * SPEC 11.13, 11.17: says what is wrong with the other side, once, in a sentence that names the setting; the counters
 * keep the last of it.
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
    this.#logger.warn(sentence(reason), { app: this.#app, upstream: this.#url, reason });
  }

  connectionRestored(awayMs: number): void {
    if (!this.#isLost) return;
    this.#isLost = false;
    this.#logger.warn('The other side of the cutover is back', {
      app: this.#app,
      upstream: this.#url,
      awaySeconds: Math.round(awayMs / 1000),
    });
  }

  notTerminated({ text }: RequestOutcome): void {
    this.#counters.error(`terminate: ${text}`);
    this.#warn('The other side did not terminate a user', { answer: text });
  }

  notForwarded({ kind, text }: RequestOutcome): void {
    this.#counters.error(`${kind}: ${text}`);
  }

  refusedEvent({ status, text }: Extract<RequestOutcome, { kind: 'refused' }>): void {
    if (status === 401 || status === 403)
      this.#warn(
        'WAVEHALL_CUTOVER_UPSTREAM: the other side refuses our signature; are the app’s secret and id the same there?',
        { status, answer: text },
      );
    else if (status === 404)
      this.#warn('WAVEHALL_CUTOVER_UPSTREAM: the other side has no app with this id', {
        status,
        answer: text,
      });
    else if (status === 413)
      this.#warn('An event is larger than the other side takes; REVERB_MAX_REQUEST_SIZE there', { status });
    else this.#warn('The other side refuses an event', { status, answer: text });
  }

  /** An error that is not about a channel, as Reverb tells of a refused subscription. */
  errorFrame(frame: ServerFrame): void {
    const { code, message } = objectIn(frame.data);
    const text = `${textOf(code) ?? ''} ${textOf(message) ?? ''}`;
    this.#counters.error(text);
    const isSignature = /unauthori[sz]ed|signature|auth/i.test(text);
    this.#warn(
      isSignature
        ? 'WAVEHALL_CUTOVER_UPSTREAM: the other side refuses our subscription; is the app’s secret the same there?'
        : 'The other side answers the bridge with an error',
      { answer: text },
    );
  }

  /** No more than once a minute. */
  #warn(what: string, details: Readonly<Record<string, string | number>>): void {
    const now = Date.now();
    if (now - (this.#warnedAtMs.get(what) ?? -Infinity) < PAUSE_MS) return;
    this.#warnedAtMs.set(what, now);
    this.#logger.warn(what, { app: this.#app, upstream: this.#url, ...details });
  }
}

function sentence(reason: string): string {
  if (/^4001\b/.test(reason) || /does not exist/i.test(reason))
    return 'WAVEHALL_CUTOVER_UPSTREAM: the other side does not know the app key';
  if (/^4003\b/.test(reason)) return 'WAVEHALL_CUTOVER_UPSTREAM: the app is disabled at the other side';
  if (/^4004\b/.test(reason)) return 'WAVEHALL_CUTOVER_UPSTREAM: the app is over its quota at the other side';
  if (/origin/i.test(reason))
    return 'WAVEHALL_CUTOVER_ORIGIN: the other side does not allow the origin that the bridge sends';
  return 'WAVEHALL_CUTOVER_UPSTREAM: the other side of the cutover is away';
}
