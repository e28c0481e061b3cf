import { isJsonObject, type JsonObject } from '#protocol';
import { duplicateNameIn } from '../duplicate-names.ts';
import type { Algorithm } from './algorithms.ts';
import { TokenError } from './faults.ts';

/** The part of a token's header that is used. */
export interface TokenHeader {
  readonly alg: Algorithm;
  readonly kid: string | undefined;
}

/** Three parts of base64url; the last one is empty where there is no signature. */
const COMPACT = /^[\w-]+\.[\w-]+\.[\w-]*$/;
const BASE64URL_REST = 1;
/** Characters of a `kid` (SPEC 15.1). */
const MOST_KID_CHARACTERS = 256;
const TYPES = ['jwt', 'at+jwt', 'application/jwt', 'application/at+jwt'];

/** True for a text that has the form of a token; whether it is a good one is not said. */
export const isTokenShaped = (text: string): boolean => COMPACT.test(text);

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** The JSON object that a part of a token holds. Throws `TokenError` if it is another text, or names a member twice. */
export function objectIn(bytes: Uint8Array): JsonObject {
  let text: string;
  let value: unknown;
  try {
    text = utf8.decode(bytes);
    value = JSON.parse(text);
  } catch {
    throw new TokenError('malformed');
  }
  if (!isJsonObject(value)) throw new TokenError('malformed');
  if (duplicateNameIn(text) !== undefined) throw new TokenError('duplicate_name');
  return value;
}

/** SPEC 15.1: reads the header of a token. Throws `TokenError`; no key is looked for, and nothing is fetched, before this has passed. */
export function readHeader(token: string, algorithms: readonly Algorithm[]): TokenHeader {
  if (!isTokenShaped(token)) throw new TokenError('malformed');
  const part = token.slice(0, token.indexOf('.'));
  if (part.length % 4 === BASE64URL_REST) throw new TokenError('malformed');
  const header = objectIn(Buffer.from(part, 'base64url'));
  checkForbidden(header);
  return { alg: algorithmIn(header, algorithms), kid: keyIdIn(header) };
}

const has = (header: JsonObject, ...names: readonly string[]): boolean =>
  names.some((name) => Object.hasOwn(header, name));

function checkForbidden(header: JsonObject): void {
  if (has(header, 'jwk', 'jku', 'x5u', 'x5c')) throw new TokenError('embedded_key');
  if (has(header, 'crit', 'b64')) throw new TokenError('critical_header');
  if (has(header, 'enc', 'zip')) throw new TokenError('encrypted');
  if (has(header, 'typ') && !isKnownType(header.typ)) throw new TokenError('type');
}

const isKnownType = (typ: unknown): boolean => typeof typ === 'string' && TYPES.includes(typ.toLowerCase());

function algorithmIn({ alg }: JsonObject, algorithms: readonly Algorithm[]): Algorithm {
  if (typeof alg === 'string' && alg.toLowerCase() === 'none') throw new TokenError('unsigned');
  const known = algorithms.find((each) => each === alg);
  if (known === undefined) throw new TokenError('algorithm');
  return known;
}

function keyIdIn(header: JsonObject): string | undefined {
  if (!has(header, 'kid')) return undefined;
  const { kid } = header;
  const isUsable = typeof kid === 'string' && kid !== '' && kid.length <= MOST_KID_CHARACTERS;
  if (!isUsable) throw new TokenError('key_id');
  return kid;
}
