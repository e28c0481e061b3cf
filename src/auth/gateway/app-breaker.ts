import CircuitBreaker from 'opossum';
import type { HttpAnswer } from '../../net/http-client.ts';

/** Time between two attempts while most fail. */
const PROBE_EVERY_MS = 2000;
/** Attempts that have to end before any conclusion, the time that counts, and the share that has to fail. */
const LEAST_ATTEMPTS = 10;
const WINDOW_MS = 10_000;
const FAILED_PERCENT = 50;

/** Statuses of servers in front of an app that is away. */
const AWAY = new Set([502, 503, 504]);

/** True for an answer in place of the app. Any other one is of the app, whatever it says: a client may cause it by what it asks for. */
export const isAway = ({ status }: HttpAnswer): boolean => AWAY.has(status);

class FailedAnswer extends Error {
  readonly answer: HttpAnswer;

  constructor(answer: HttpAnswer) {
    super(`Status ${answer.status}`);
    this.answer = answer;
  }
}

/** Circuit breaker of the app (SPEC 14.7): while half of the attempts find it away, only one request is sent from time to time. */
export class AppBreaker<Request> {
  readonly #circuit: CircuitBreaker<[Request], HttpAnswer>;

  /** `onMaySend` is called when requests may be sent again. */
  constructor(send: (request: Request) => Promise<HttpAnswer>, onMaySend: () => void) {
    const attempt = async (request: Request): Promise<HttpAnswer> => {
      const answer = await send(request);
      if (isAway(answer)) throw new FailedAnswer(answer);
      return answer;
    };
    this.#circuit = new CircuitBreaker(attempt, {
      timeout: false,
      resetTimeout: PROBE_EVERY_MS,
      volumeThreshold: LEAST_ATTEMPTS,
      errorThresholdPercentage: FAILED_PERCENT,
      rollingCountTimeout: WINDOW_MS,
      rollingPercentilesEnabled: false,
      enableSnapshots: false,
    });
    this.#circuit.on('halfOpen', onMaySend);
    this.#circuit.on('close', onMaySend);
  }

  get isOpen(): boolean {
    return !this.#circuit.closed;
  }

  /** True when a request may be sent now; while most fail, for one at a time. */
  get maySend(): boolean {
    return this.#circuit.closed || this.#circuit.pendingClose;
  }

  /** Sends a request; called only when `maySend`. Rejects with `HttpFailure`. */
  async send(request: Request): Promise<HttpAnswer> {
    try {
      return await this.#circuit.fire(request);
    } catch (error) {
      if (error instanceof FailedAnswer) return error.answer;
      throw error;
    }
  }

  stop(): void {
    this.#circuit.shutdown();
  }
}
