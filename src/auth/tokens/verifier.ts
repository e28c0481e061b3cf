import { compactVerify } from 'jose';
import type { Clock } from '../../core/ports/clock.ts';
import { Tally } from '../../core/util/tally.ts';
import type { Claims } from '../rules/claims.ts';
import { checkClaims } from './claims.ts';
import { TokenError, type TokenFault } from './faults.ts';
import { objectIn, readHeader, type TokenHeader } from './header.ts';
import type { KeySource, VerificationKey } from './keys.ts';
import type { TokenChecks } from './options.ts';

/** A token that is valid now. */
export interface VerifiedToken {
  readonly claims: Claims;
  /** Unix time in milliseconds at which its right ends; `undefined`: it has no end. */
  readonly expiresAtMs: number | undefined;
}

/** Verifies tokens (SPEC 15.1 to 15.3), and counts them by their result. */
export class TokenVerifier {
  readonly #keys: KeySource;
  readonly #checks: TokenChecks;
  readonly #clock: Clock;
  readonly results = new Tally<TokenFault | 'valid'>();

  constructor(keys: KeySource, checks: TokenChecks, clock: Clock) {
    this.#keys = keys;
    this.#checks = checks;
    this.#clock = clock;
  }

  /** Rejects with `TokenError`. */
  async verify(token: string): Promise<VerifiedToken> {
    try {
      const verified = await this.#verified(token);
      this.results.add('valid');
      return verified;
    } catch (error) {
      if (error instanceof TokenError) this.results.add(error.fault);
      throw error;
    }
  }

  async #verified(token: string): Promise<VerifiedToken> {
    if (token.length > this.#checks.maxCharacters) throw new TokenError('too_long');
    const header = readHeader(token, this.#checks.algorithms);
    const claims = objectIn(await this.#payload(token, header));
    return { claims, expiresAtMs: checkClaims(claims, this.#checks, this.#clock()) };
  }

  /** The bytes that one of the keys has signed. */
  async #payload(token: string, header: TokenHeader): Promise<Uint8Array> {
    const keys = await this.#keys.keysFor(header);
    if (keys.length === 0) throw new TokenError('unknown_key');
    for (const key of keys) {
      const payload = await payloadBy(key, token, header);
      if (payload !== undefined) return payload;
    }
    throw new TokenError('signature');
  }
}

async function payloadBy(
  key: VerificationKey,
  token: string,
  { alg }: TokenHeader,
): Promise<Uint8Array | undefined> {
  try {
    return (await compactVerify(token, key, { algorithms: [alg] })).payload;
  } catch {
    return undefined;
  }
}
