import type { KeyObject } from 'node:crypto';
import type { CryptoKey } from 'jose';
import { type Algorithm, algorithmsOf } from './algorithms.ts';
import type { TokenHeader } from './header.ts';

export type VerificationKey = KeyObject | CryptoKey | Uint8Array;

/** A source of keys. */
export interface KeySource {
  /** Keys that may have signed a token with this header, and that are meant for its algorithm. Rejects with `TokenError`. */
  keysFor(header: TokenHeader): Promise<readonly VerificationKey[]>;
}

/** Secrets: for HMAC alone, whatever the token names. */
export const secretKeys = (secrets: readonly Uint8Array[]): KeySource => ({
  keysFor: ({ alg }) => Promise.resolve(alg.startsWith('HS') ? secrets : []),
});

/** Public keys: each for the algorithms of its kind. */
export function publicKeys(keys: readonly KeyObject[]): KeySource {
  const meant = keys.map((key) => [key, algorithmsOf(key)] as const);
  const keysOf = (alg: Algorithm): readonly KeyObject[] =>
    meant.filter(([, algorithms]) => algorithms.includes(alg)).map(([key]) => key);
  return { keysFor: ({ alg }) => Promise.resolve(keysOf(alg)) };
}
