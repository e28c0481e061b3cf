import { createPublicKey, type KeyObject } from 'node:crypto';
import { readFileSync } from 'node:fs';
import {
  type Algorithm,
  algorithmsOf,
  PUBLIC_ALGORITHMS,
  SECRET_ALGORITHMS,
} from '../../auth/tokens/algorithms.ts';
import type { KeyOptions } from '../../auth/tokens/key-options.ts';

/** Fewest bytes of a secret (RFC 7518, 3.2, for HS256). */
const LEAST_SECRET_BYTES = 32;
/** Most secrets or public keys: each of them is tried for each token. */
export const MOST_KEYS = 10;

interface KeyValues {
  readonly jwtSecret: string | undefined;
  readonly jwtPublicKey: string | undefined;
  readonly jwtKeySetUrl: URL | undefined;
  readonly jwtAlgorithms: readonly Algorithm[];
  readonly jwtKeySetTimeoutMs: number;
  readonly jwtKeySetCooldownSeconds: number;
  readonly jwtKeySetMaxAgeSeconds: number;
}

interface FoundKeys {
  readonly keys: KeyOptions;
  readonly algorithms: readonly Algorithm[];
}

/** The keys of tokens and the algorithms that they are for; `undefined`: none is set. Problems never show a key. */
export function keyOptions(values: KeyValues, problems: string[]): FoundKeys | undefined {
  const { jwtSecret, jwtPublicKey, jwtKeySetUrl } = values;
  const given = [jwtSecret, jwtPublicKey, jwtKeySetUrl].filter((value) => value !== undefined);
  if (given.length > 1)
    problems.push(
      'WAVEHALL_JWT_SECRET, WAVEHALL_JWT_PUBLIC_KEY, WAVEHALL_JWT_JWKS_URL: expected one of them, not several',
    );
  const found = foundIn(values, problems);
  if (found === undefined) return undefined;
  const { jwtAlgorithms: wanted } = values;
  const foreign = wanted.filter((each) => !found.algorithms.includes(each));
  if (foreign.length > 0)
    problems.push(
      `WAVEHALL_JWT_ALGORITHMS: expected some of ${found.algorithms.join(', ')}, which the keys are for, not ${foreign.join(', ')}`,
    );
  return wanted.length === 0 ? found : { ...found, algorithms: wanted };
}

function foundIn(values: KeyValues, problems: string[]): FoundKeys | undefined {
  const { jwtSecret, jwtPublicKey, jwtKeySetUrl: url } = values;
  if (jwtSecret !== undefined) {
    const secrets = secretsIn(jwtSecret, problems);
    return secrets && { keys: { kind: 'secrets', secrets }, algorithms: SECRET_ALGORITHMS };
  }
  if (jwtPublicKey !== undefined) {
    const keys = publicKeysIn(jwtPublicKey, problems);
    return keys && { keys: { kind: 'public', keys }, algorithms: [...new Set(keys.flatMap(algorithmsOf))] };
  }
  if (url === undefined) return undefined;
  const timeoutMs = values.jwtKeySetTimeoutMs;
  const cooldownMs = values.jwtKeySetCooldownSeconds * 1000;
  const maxAgeMs = values.jwtKeySetMaxAgeSeconds * 1000;
  return { keys: { kind: 'key-set', url, timeoutMs, cooldownMs, maxAgeMs }, algorithms: PUBLIC_ALGORITHMS };
}

function secretsIn(given: string, problems: string[]): readonly Uint8Array[] | undefined {
  const parts = given.split(',').filter((part) => part.trim() !== '');
  const secrets = parts.map(secretIn);
  const isGood = secrets.every((secret) => secret !== undefined && secret.length >= LEAST_SECRET_BYTES);
  if (isGood && secrets.length > 0 && secrets.length <= MOST_KEYS) return secrets as Uint8Array[];
  problems.push(
    `WAVEHALL_JWT_SECRET=(not shown): expected 1 to ${MOST_KEYS} secrets of at least ${LEAST_SECRET_BYTES} bytes each; one with a comma in it as base64:…`,
  );
  return undefined;
}

/** A text, or the bytes behind `base64:`, as Laravel writes `APP_KEY`. */
function secretIn(text: string): Uint8Array | undefined {
  if (!text.trim().startsWith('base64:')) return Buffer.from(text);
  const encoded = text.trim().slice('base64:'.length);
  return /^[A-Za-z0-9+/]+={0,2}$/.test(encoded) ? Buffer.from(encoded, 'base64') : undefined;
}

const BLOCK = /-----BEGIN ([A-Z ]+)-----[^-]+-----END \1-----/g;

function publicKeysIn(given: string, problems: string[]): readonly KeyObject[] | undefined {
  const text = given.includes('-----BEGIN') ? given.replaceAll('\\n', '\n') : fileText(given, problems);
  if (text === undefined) return undefined;
  const blocks = [...text.matchAll(BLOCK)].map(([block]) => block);
  const keys = blocks.map(publicKeyIn);
  const isGood = keys.every((key) => key !== undefined && algorithmsOf(key).length > 0);
  if (isGood && keys.length > 0 && keys.length <= MOST_KEYS) return keys as KeyObject[];
  problems.push(
    `WAVEHALL_JWT_PUBLIC_KEY: expected 1 to ${MOST_KEYS} public keys or certificates in PEM (RSA of at least 2048 bits, P-256, P-384, P-521 or Ed25519), and no private key`,
  );
  return undefined;
}

function fileText(file: string, problems: string[]): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    problems.push(
      `WAVEHALL_JWT_PUBLIC_KEY: expected PEM, or a file: ${(error as NodeJS.ErrnoException).code ?? 'unreadable'}`,
    );
    return undefined;
  }
}

/** A private key is refused, although it has a public one in it: it does not belong on this server. */
function publicKeyIn(pem: string): KeyObject | undefined {
  if (pem.includes('PRIVATE')) return undefined;
  try {
    return createPublicKey(pem);
  } catch {
    return undefined;
  }
}
