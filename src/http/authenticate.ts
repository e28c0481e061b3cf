import { type HttpRefusal, queryValue, parseQuery, verifyRequest, type SignedRequest } from '#protocol';
import { LRUCache } from 'lru-cache';
import type { App } from '../core/app.ts';
import { TokenBucket } from '../core/limiters.ts';
import { httpError, HttpError } from './errors.ts';

/** Signatures that the strict replay protection remembers; the oldest are forgotten first. */
const REMEMBERED_SIGNATURES = 100_000;

export interface AuthenticationOptions {
  readonly prefix: string;
  readonly clock: () => number;
  /** The same signature is taken once only; off by default, because two equal publishes in one second share theirs. */
  readonly refuseReplays: boolean;
}

/** Who may use the API: the request is signed with one of the app's secrets (SPEC 8.2), and the app may send it (8.3). */
export class Authentication {
  readonly #options: AuthenticationOptions;
  readonly #buckets = new Map<string, TokenBucket>();
  readonly #seen: LRUCache<string, true>;

  constructor(options: AuthenticationOptions) {
    this.#options = options;
    this.#seen = new LRUCache({ max: REMEMBERED_SIGNATURES, perf: { now: options.clock }, ttlResolution: 0 });
  }

  /** Throws the refusal. */
  check(app: App, request: SignedRequest): void {
    const { prefix, clock } = this.#options;
    const refusal = verifyRequest(app.credentials, request, {
      prefix,
      nowSeconds: Math.floor(clock() / 1000),
      windowSeconds: app.limits.authWindowSeconds,
    });
    if (refusal !== undefined) throw refused(refusal);
    if (this.#options.refuseReplays) this.#checkReplay(app, request);
    if (!app.enabled) throw new HttpError(403, 'Application is disabled.');
    if (!this.#withinRate(app)) throw overRate(app);
  }

  #withinRate({ id, limits: { requestsPerSecond: rate } }: App): boolean {
    if (rate === 0) return true;
    const now = this.#options.clock();
    const bucket = this.#buckets.get(id) ?? new TokenBucket(rate, rate, now);
    this.#buckets.set(id, bucket);
    return bucket.take(now);
  }

  #checkReplay(app: App, { rawQuery }: SignedRequest): void {
    const signature = queryValue(parseQuery(rawQuery), 'auth_signature') ?? '';
    const key = `${app.id}\n${signature}`;
    if (this.#seen.has(key)) throw new HttpError(401, 'Authentication signature was used before.');
    this.#seen.set(key, true, { ttl: memoryMs(app.limits.authWindowSeconds) });
  }
}

const overRate = ({ limits }: App): HttpError =>
  httpError(429, { 'retry-after': '1' }, { expected: `${limits.requestsPerSecond} requests a second` });

/** A request from the future stays valid for twice the window and its last second; without a window, for good (0). */
const memoryMs = (windowSeconds: number): number => (windowSeconds === 0 ? 0 : windowSeconds * 2 + 1) * 1000;

const refused = ({ status, message, late, expected }: HttpRefusal): HttpError =>
  new HttpError(status, message, {}, { reason: late ? 'http_timestamp' : 'http_signature', expected });
