import { createLocalJWKSet, errors, type JSONWebKeySet } from 'jose';
import { isJsonObject, parseJson } from '#protocol';
import type { Clock } from '../../core/ports/clock.ts';
import type { Logger } from '../../core/ports/logger.ts';
import { MinuteLog } from '../../core/util/minute-log.ts';
import { sendRequest } from '../../net/http-client.ts';
import { TokenError } from './faults.ts';
import type { TokenHeader } from './header.ts';
import type { KeySource, VerificationKey } from './keys.ts';
import type { KeySetOptions } from './key-options.ts';

/** Bytes of a key set (SPEC 15.7): a set of 32 RSA keys with their certificates has about half of that. */
export const KEY_SET_BYTES = 256 * 1024;
/** Keys of a set (SPEC 15.7): a token without `kid` is compared with each of them. */
export const MOST_KEYS = 32;

type LocalKeySet = ReturnType<typeof createLocalJWKSet>;

interface KeySetDeps {
  readonly clock: Clock;
  readonly logger: Pick<Logger, 'warn'>;
}

/**
 * The keys of a JSON Web Key Set at a URL (SPEC 15.3). At most one fetch in `cooldownMs`, whoever asks; the keys that were
 * fetched last are used until a later fetch succeeds.
 */
export class KeySet implements KeySource {
  readonly #options: KeySetOptions;
  readonly #clock: Clock;
  readonly #failures: MinuteLog;
  #keys: LocalKeySet | undefined;
  #fetchedAtMs = 0;
  #triedAtMs = -Infinity;
  #fetch: Promise<void> | undefined;
  /** Fetches since the start. */
  readonly fetches = { ok: 0, failed: 0 };

  constructor(options: KeySetOptions, { clock, logger }: KeySetDeps) {
    this.#options = options;
    this.#clock = clock;
    this.#failures = new MinuteLog({
      logger,
      clock,
      message:
        'The key set of WAVEHALL_JWT_JWKS_URL was not fetched; the keys that are known are used on, tokens of other keys are refused',
      details: {},
    });
  }

  /** Seconds since the keys were fetched; `undefined`: they never were. */
  get ageSeconds(): number | undefined {
    return this.#keys && (this.#clock() - this.#fetchedAtMs) / 1000;
  }

  /** Fetches the keys before the first token needs them. Never rejects. */
  async start(): Promise<void> {
    await this.#refresh();
  }

  async keysFor(header: TokenHeader): Promise<readonly VerificationKey[]> {
    if (this.#keys === undefined) await this.#refresh();
    else if (this.#clock() - this.#fetchedAtMs >= this.#options.maxAgeMs) void this.#refresh();
    const known = await this.#matching(header);
    if (known.length > 0) return known;
    await this.#refresh();
    return this.#matching(header);
  }

  async #matching({ alg, kid }: TokenHeader): Promise<readonly VerificationKey[]> {
    if (this.#keys === undefined) throw new TokenError('keys_unavailable');
    try {
      return [await this.#keys({ alg, ...(kid !== undefined && { kid }) })];
    } catch (error) {
      if (!(error instanceof errors.JWKSMultipleMatchingKeys)) return [];
      const keys: VerificationKey[] = [];
      for await (const key of error) keys.push(key);
      return keys;
    }
  }

  /** Fetches, or waits for the fetch that is under way; nothing while the last one is not `cooldownMs` ago. */
  #refresh(): Promise<void> {
    if (this.#fetch !== undefined) return this.#fetch;
    if (this.#clock() - this.#triedAtMs < this.#options.cooldownMs) return Promise.resolve();
    this.#triedAtMs = this.#clock();
    this.#fetch = this.#load().finally(() => (this.#fetch = undefined));
    return this.#fetch;
  }

  async #load(): Promise<void> {
    try {
      this.#keys = createLocalJWKSet(await this.#read());
      this.#fetchedAtMs = this.#clock();
      this.fetches.ok += 1;
    } catch (error) {
      this.fetches.failed += 1;
      this.#failures.add({ cause: causeOf(error) });
    }
  }

  async #read(): Promise<JSONWebKeySet> {
    const { status, text } = await sendRequest(this.#options.url, {
      method: 'GET',
      headers: { accept: 'application/json, application/jwk-set+json' },
      timeoutMs: this.#options.timeoutMs,
      maxAnswerBytes: KEY_SET_BYTES + 1,
    });
    if (status !== 200) throw new Error(`status ${status}`);
    if (Buffer.byteLength(text) > KEY_SET_BYTES) throw new Error(`more than ${KEY_SET_BYTES} bytes`);
    const set = parseJson(text);
    const count = isJsonObject(set) && Array.isArray(set.keys) ? set.keys.length : 0;
    if (count < 1 || count > MOST_KEYS) throw new Error(`expected a key set of 1 to ${MOST_KEYS} keys`);
    return set as JSONWebKeySet;
  }
}

/** A code of the system, or the words of this file and of jose: never text of the answer. */
const causeOf = (error: unknown): string =>
  error instanceof Error
    ? ('code' in error && typeof error.code === 'string' && error.code) || error.message
    : 'unknown';
