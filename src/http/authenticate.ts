import { type HttpRefusal, type QueryValues, verifyRequest, type SignedRequest } from '#protocol';
import type { App } from '../core/app.ts';
import { TokenBucket } from '../core/client/limiters.ts';
import type { Replays } from '../core/ports/cluster.ts';
import { httpError, HttpError } from './errors.ts';

export interface AuthenticationOptions {
  readonly prefix: string;
  readonly clock: () => number;
}

/** Who may use the API: the request is signed with one of the app's secrets (SPEC 8.2), and the app may send it (8.3). */
export class Authentication {
  readonly #options: AuthenticationOptions;
  readonly #buckets = new Map<string, TokenBucket>();

  constructor(options: AuthenticationOptions) {
    this.#options = options;
  }

  /** Returns the values of the query that were signed; throws the refusal. */
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
   * Rejects when a request with this signature was taken before, by whichever node. Two equal publishes within one
   * second share theirs. Rejects with `Unavailable` when that cannot be known.
   */
  async takeOnce(replays: Replays, app: App, query: QueryValues): Promise<void> {
    const signature = query.get('auth_signature') ?? '';
    if (!(await replays.take(app.id, signature, memoryMs(app.limits.authWindowSeconds))))
      throw new HttpError(401, 'Authentication signature was used before.');
  }

  #withinRate({ id, limits: { requestsPerSecond: rate } }: App): boolean {
    if (rate === 0) return true;
    const now = this.#options.clock();
    const bucket = this.#buckets.get(id) ?? new TokenBucket(rate, rate, now);
    this.#buckets.set(id, bucket);
    return bucket.take(now);
  }
}

const overRate = ({ limits }: App): HttpError =>
  httpError(429, { 'retry-after': '1' }, { expected: `${limits.requestsPerSecond} requests a second` });

/** A request from the future stays valid for twice the window and its last second; without a window, for good (0). */
const memoryMs = (windowSeconds: number): number => (windowSeconds === 0 ? 0 : windowSeconds * 2 + 1) * 1000;

const refused = ({ status, message, late, expected }: HttpRefusal): HttpError =>
  new HttpError(status, message, {}, { reason: late ? 'http_timestamp' : 'http_signature', expected });
