import { isJsonObject, type JsonObject, ownField } from '#protocol';

/** The claims of a token: what its issuer says about its owner. */
export type Claims = JsonObject;

/** The way to a claim: a name, or names that lead into objects. */
export type ClaimPath = readonly [string, ...string[]];

/**
 * Reads the way to a claim. Dots lead into objects: `tenant.id`. A name with a colon or a slash is that of one claim, dots
 * included, as in `https://example.com/roles`. `undefined`: it is empty, or a part of it is.
 */
export function parseClaimPath(text: string): ClaimPath | undefined {
  const [first, ...others] = /[:/]/.test(text) ? [text] : text.split('.');
  if (first === undefined || first === '' || others.includes('')) return undefined;
  return [first, ...others];
}

/** Value of a claim; `undefined`: the token does not have it. What every object inherits is no claim. */
export function claimAt(claims: Claims, path: ClaimPath): unknown {
  let value: unknown = claims;
  for (const name of path) {
    if (!isJsonObject(value)) return undefined;
    value = ownField(value, name);
  }
  return value;
}

/** The claims with these names alone. */
export const pickClaims = (claims: Claims, names: Iterable<string>): Claims =>
  Object.fromEntries(
    [...names].filter((name) => Object.hasOwn(claims, name)).map((name) => [name, claims[name]]),
  );

/** The text of a text or of a whole number whose digits are known (SPEC 15.4); `undefined` for everything else. */
export function textOfValue(value: unknown): string | undefined {
  if (typeof value === 'string') return value;
  return Number.isSafeInteger(value) ? String(value) : undefined;
}

/** SPEC 15.4: equal texts, `"7"` and `7` included, equal numbers within 2^53, equal truth values. */
export function isEqualValue(one: unknown, other: unknown): boolean {
  const text = textOfValue(one);
  if (text !== undefined) return text === textOfValue(other);
  if (typeof one === 'boolean') return one === other;
  return typeof one === 'number' && Math.abs(one) <= Number.MAX_SAFE_INTEGER && one === other;
}
