import { type HttpRefusal, type QueryValues, verifyRequest, type SignedRequest } from '#protocol';
import type { App } from '../core/app.ts';
import { TokenBucket } from '../core/client/limiters.ts';
import type { ReplayGuard } from '../core/ports/stores.ts';
import { httpError, HttpError } from './errors.ts';

export interface AuthenticationOptions {
  readonly prefix: string;
  readonly clock: () => number;
}

/** Accepts requests that are signed with one of the app's secrets (SPEC 8.2), from an enabled app within its rate (8.3). */
export class Authentication {
  readonly #options: AuthenticationOptions;
  readonly #buckets = new Map<string, TokenBucket>();

  constructor(options: AuthenticationOptions) {
    this.#options = options;
  }

  /** Returns the signed values of the query; throws the `HttpError` of a refusal. */
  check(app: App, request: SignedRequest): QueryValues {
    const { prefix, clock } = this.#options;
    const verdict = verifyRequest(app.credentials, request, {
      prefix,
      nowSeconds: Math.floor(clock() / 1000),
      windowSeconds: app.limits.authWindowSeconds,
    });
    if (verdict.refusal !== undefined) throw refused(verdict.refusal);
    if (!app.enabled) throw new HttpError(403, 'Application is disabled.');
    if (!this.#withinRate(app)) throw overRate(app);
    return verdict.values;
  }

  /**
   * Rejects with a 401 when any node has accepted this signature before; two equal publishes within one second have the
   * same signature. Rejects with `Unavailable` when the shared store does not answer.
   */
  async takeOnce(replayGuard: ReplayGuard, app: App, query: QueryValues): Promise<void> {
    const signature = query.get('auth_signature') ?? '';
    if (!(await replayGuard.take(app.id, signature, replayWindowMs(app.limits.authWindowSeconds))))
      throw new HttpError(401, 'Authentication signature was used before.');
  }

  #withinRate({ id, limits: { requestsPerSecond: rate } }: App): boolean {
    if (rate === 0) return true;
    const now = this.#options.clock();
    let bucket = this.#buckets.get(id);
    if (bucket?.perSecond !== rate) this.#buckets.set(id, (bucket = new TokenBucket(rate, rate, now)));
    return bucket.take(now);
  }
}

const overRate = ({ limits }: App): HttpError =>
  httpError(429, { 'retry-after': '1' }, { expected: `${limits.requestsPerSecond} requests a second` });

/** Time for which a signature may be valid: twice the window, for a timestamp in the future, and its last second. 0: for ever. */
const replayWindowMs = (windowSeconds: number): number =>
  (windowSeconds === 0 ? 0 : windowSeconds * 2 + 1) * 1000;

const refused = ({ status, message, isTimestampOff: late, expected }: HttpRefusal): HttpError =>
  new HttpError(status, message, {}, { reason: late ? 'http_timestamp' : 'http_signature', expected });
