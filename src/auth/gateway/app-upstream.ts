import type { Agent } from 'node:http';
import { Histogram } from '../../core/util/histogram.ts';
import { Tally } from '../../core/util/tally.ts';
import { sleep } from '../../core/util/time.ts';
import { prefixOf } from '../../net/address.ts';
import { type HttpAnswer, HttpFailure, keptConnections, sendRequest } from '../../net/http-client.ts';
import { tlsTrust } from '../../net/tls-trust.ts';
import { AppBreaker, isAway } from './app-breaker.ts';
import type { AppUpstreamOptions } from './options.ts';
import { NoTurnError, Turns } from './turns.ts';

/** Time before a request that failed asks for its next turn. */
const RETRY_MS = 100;

/** A request for the app. */
export interface OutgoingRequest {
  readonly method: string;
  /** Path and query. */
  readonly target: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

/** Reason why the app gave no answer that can be passed on. */
export type NoAnswer = NoTurnError['reason'] | HttpFailure['kind'] | 'too_large' | 'away';

export class AppUnavailable extends Error {
  override readonly name = 'AppUnavailable';
  readonly reason: NoAnswer;

  constructor(reason: NoAnswer, message: string = reason) {
    super(message);
    this.reason = reason;
  }
}

/** The app behind the gateway: a bounded number of requests at once, in turns, and few while it fails (SPEC 14.7). */
export class AppUpstream {
  readonly outcomes = new Tally();
  readonly seconds = new Histogram();
  readonly #options: AppUpstreamOptions;
  readonly #agent: Agent;
  readonly #breaker: AppBreaker<OutgoingRequest>;
  readonly #turns: Turns;

  constructor(options: AppUpstreamOptions) {
    this.#options = options;
    this.#agent = keptConnections(options.app, options.atOnce);
    this.#breaker = new AppBreaker(
      (request) => this.#send(request),
      () => this.#turns.next(),
    );
    this.#turns = new Turns(options, () => this.#breaker.maySend);
  }

  get running(): number {
    return this.#turns.running;
  }

  get waiting(): number {
    return this.#turns.waiting;
  }

  /** True while most requests fail. */
  get isFailing(): boolean {
    return this.#breaker.isOpen;
  }

  /** Asks the app, again while it is away and there is time. Rejects with `AppUnavailable`. */
  async ask(request: OutgoingRequest, address: string): Promise<HttpAnswer> {
    const endMs = performance.now() + this.#options.waitMs;
    for (;;) {
      const answer = await this.#attempt(request, address, endMs - performance.now());
      const failure = failureIn(answer);
      if (failure === undefined) return answer as HttpAnswer;
      if (failure.reason === 'too_large' || endMs - performance.now() <= RETRY_MS) throw failure;
      await sleep(RETRY_MS);
    }
  }

  stop(): void {
    this.#breaker.stop();
    this.#agent.destroy();
  }

  /** Returns the failure of an attempt that may be repeated. */
  async #attempt(
    request: OutgoingRequest,
    address: string,
    waitMs: number,
  ): Promise<HttpAnswer | AppUnavailable> {
    try {
      return await this.#turns.run(address, waitMs, () => this.#breaker.send(request));
    } catch (error) {
      if (error instanceof NoTurnError) throw new AppUnavailable(error.reason);
      if (error instanceof HttpFailure) return new AppUnavailable(error.kind, error.reason);
      throw error;
    }
  }

  async #send({ method, target, headers, body }: OutgoingRequest): Promise<HttpAnswer> {
    const { app, timeoutMs, maxAnswerBytes } = this.#options;
    const beganMs = performance.now();
    try {
      const answer = await sendRequest(app.url, {
        ...{ method, headers, timeoutMs, maxAnswerBytes, agent: this.#agent },
        path: prefixOf(app.url) + target,
        ...(body.length > 0 && { body }),
        tls: tlsTrust(app),
      });
      this.outcomes.add(outcomeOf(answer));
      return answer;
    } catch (error) {
      this.outcomes.add(error instanceof HttpFailure ? error.kind.replace('-', '_') : 'broken');
      throw error;
    } finally {
      this.seconds.observe((performance.now() - beganMs) / 1000);
    }
  }
}

function failureIn(answer: HttpAnswer | AppUnavailable): AppUnavailable | undefined {
  if (answer instanceof AppUnavailable) return answer;
  if (isAway(answer)) return new AppUnavailable('away', `status ${answer.status}`);
  return answer.isTruncated ? new AppUnavailable('too_large') : undefined;
}

const outcomeOf = ({ status }: HttpAnswer): string =>
  status === 200 ? 'allowed' : status >= 500 ? 'failed' : 'refused';
