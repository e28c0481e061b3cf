import { type HttpRefusal, queryValue, parseQuery, verifyRequest, type SignedRequest } from '#protocol';
import { LRUCache } from 'lru-cache';
import type { App } from '../core/app.ts';
import { HttpError } from './errors.ts';

/** Signatures that the strict replay protection remembers; the oldest are forgotten first. */
const REMEMBERED_SIGNATURES = 100_000;

export interface AuthenticationOptions {
  readonly prefix: string;
  readonly clock: () => number;
  /** The same signature is taken once only; off by default, because two equal publishes in one second share theirs. */
  readonly refuseReplays: boolean;
}

/** SPEC 8.2: whether a request was signed with one of the app's secrets. */
export class Authentication {
  readonly #options: AuthenticationOptions;
  readonly #seen = new LRUCache<string, true>({ max: REMEMBERED_SIGNATURES });

  constructor(options: AuthenticationOptions) {
    this.#options = options;
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
  }

  #checkReplay(app: App, { rawQuery }: SignedRequest): void {
    const signature = queryValue(parseQuery(rawQuery), 'auth_signature') ?? '';
    const key = `${app.id}\n${signature}`;
    if (this.#seen.has(key)) throw new HttpError(401, 'Authentication signature was used before.');
    // Twice the window: a request from the future stays valid that long.
    this.#seen.set(key, true, { ttl: Math.max(1, app.limits.authWindowSeconds * 2) * 1000 });
  }
}

const refused = ({ status, message }: HttpRefusal): HttpError => new HttpError(status, message);
