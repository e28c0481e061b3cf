import type { KeyObject } from 'node:crypto';

const SECRET = ['HS256', 'HS384', 'HS512'] as const;
const RSA = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'] as const;
const ELLIPTIC = ['ES256', 'ES384', 'ES512'] as const;
const EDWARDS = ['EdDSA', 'Ed25519'] as const;

/** Algorithms that a token may be signed by. `none` is not one of them. */
export type Algorithm = (typeof SECRET | typeof RSA | typeof ELLIPTIC | typeof EDWARDS)[number];

export const SECRET_ALGORITHMS: readonly Algorithm[] = SECRET;
export const PUBLIC_ALGORITHMS: readonly Algorithm[] = [...RSA, ...ELLIPTIC, ...EDWARDS];
export const ALGORITHMS: readonly Algorithm[] = [...SECRET_ALGORITHMS, ...PUBLIC_ALGORITHMS];

const BY_CURVE: Readonly<Record<string, Algorithm>> = {
  prime256v1: 'ES256',
  secp384r1: 'ES384',
  secp521r1: 'ES512',
};

/** Fewest bits of an RSA key (RFC 7518, 3.3). */
const LEAST_RSA_BITS = 2048;

/** Algorithms that a public key is meant for; none: it cannot be used. */
export function algorithmsOf(key: KeyObject): readonly Algorithm[] {
  const { namedCurve = '', modulusLength = 0 } = key.asymmetricKeyDetails ?? {};
  if (key.asymmetricKeyType === 'rsa') return modulusLength >= LEAST_RSA_BITS ? RSA : [];
  if (key.asymmetricKeyType === 'ec') return BY_CURVE[namedCurve] === undefined ? [] : [BY_CURVE[namedCurve]];
  return key.asymmetricKeyType === 'ed25519' ? EDWARDS : [];
}
