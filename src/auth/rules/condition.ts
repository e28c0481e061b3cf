import { isJsonObject, type JsonObject } from '#protocol';
import { claimAt, type ClaimPath, type Claims, isEqualValue, parseClaimPath } from './claims.ts';
import type { Captures } from './pattern.ts';

/** Levels of `allOf` and `anyOf` inside each other (SPEC 15.7). */
export const MOST_LEVELS = 8;
/** Values of one condition, and conditions of one list or object (SPEC 15.7). */
export const MOST_VALUES = 100;

type Constant = string | number | boolean;
/** Value that a claim is compared with: a constant, or the value of a name in the pattern. */
type Operand = { readonly constant: Constant } | { readonly capture: string };

/** A condition on claims. */
export type Condition =
  | { readonly kind: 'all' | 'any'; readonly of: readonly Condition[] }
  | {
      /** `equals`: the claim is one of the values; `includes`: the claim is a list that has one of them. */
      readonly kind: 'equals' | 'includes';
      readonly claim: string;
      readonly path: ClaimPath;
      readonly values: readonly Operand[];
    };

/** A condition that cannot be used; the message begins with the place in it. */
export class ConditionError extends Error {
  override readonly name = 'ConditionError';

  constructor(place: string, expected: string) {
    super(`${place}: expected ${expected}`);
  }
}

/** Reads a condition. `names`: those of the pattern. Throws `ConditionError`. */
export function parseCondition(
  given: unknown,
  names: ReadonlySet<string>,
  place: string,
  level = 1,
): Condition {
  if (!isJsonObject(given)) throw new ConditionError(place, 'true, false or an object of conditions');
  if (level > MOST_LEVELS)
    throw new ConditionError(place, `at most ${MOST_LEVELS} levels of anyOf and allOf`);
  const entries = Object.entries(given);
  checkCount(entries, place);
  const of = entries.map(([name, value]) => {
    const at = `${place}.${name}`;
    if (name === 'allOf' || name === 'anyOf') return parseList(name, value, { names, place: at, level });
    return parseComparison(name, value, names, at);
  });
  return onlyOne(of) ?? { kind: 'all', of };
}

const onlyOne = (of: readonly Condition[]): Condition | undefined => (of.length === 1 ? of[0] : undefined);

function checkCount(all: readonly unknown[], place: string): void {
  if (all.length === 0 || all.length > MOST_VALUES)
    throw new ConditionError(place, `from 1 to ${MOST_VALUES} of them`);
}

function parseList(
  name: 'allOf' | 'anyOf',
  given: unknown,
  { names, place, level }: { names: ReadonlySet<string>; place: string; level: number },
): Condition {
  if (!Array.isArray(given)) throw new ConditionError(place, 'a list of conditions');
  checkCount(given, place);
  const of = given.map((each, at) => parseCondition(each, names, `${place}[${at}]`, level + 1));
  return { kind: name === 'allOf' ? 'all' : 'any', of };
}

function parseComparison(
  claim: string,
  given: unknown,
  names: ReadonlySet<string>,
  place: string,
): Condition {
  const path = parseClaimPath(claim);
  if (path === undefined) throw new ConditionError(place, 'the name of a claim, such as sub or tenant.id');
  const kind = isJsonObject(given) ? 'includes' : 'equals';
  const value = isJsonObject(given) ? includedIn(given, place) : given;
  const all: readonly unknown[] = Array.isArray(value) ? value : [value];
  checkCount(all, place);
  return { kind, claim, path, values: all.map((each) => parseOperand(each, names, place)) };
}

function includedIn(given: JsonObject, place: string): unknown {
  const [name, ...others] = Object.keys(given);
  if (name !== 'includes' || others.length > 0)
    throw new ConditionError(place, 'a value, a list of values, or {"includes": …}');
  return given.includes;
}

function parseOperand(given: unknown, names: ReadonlySet<string>, place: string): Operand {
  const isConstant =
    typeof given === 'boolean' || (typeof given === 'number' && Math.abs(given) <= Number.MAX_SAFE_INTEGER);
  if (isConstant) return { constant: given as Constant };
  if (typeof given !== 'string') throw new ConditionError(place, 'texts, numbers up to 2^53, true or false');
  if (!/[{}]/.test(given)) return { constant: given };
  const capture = given.slice(1, -1);
  if (given !== `{${capture}}` || !names.has(capture))
    throw new ConditionError(
      place,
      `a name of the pattern in braces and nothing else, not ${JSON.stringify(given.slice(0, 100))}`,
    );
  return { capture };
}

/** True when the claims fulfil the condition. */
export function isFulfilled(condition: Condition, claims: Claims, captures: Captures): boolean {
  if ('of' in condition) {
    const isFine = (each: Condition): boolean => isFulfilled(each, claims, captures);
    return condition.kind === 'all' ? condition.of.every(isFine) : condition.of.some(isFine);
  }
  const claim = claimAt(claims, condition.path);
  const found: readonly unknown[] = condition.kind === 'equals' ? [claim] : Array.isArray(claim) ? claim : [];
  const values = condition.values.map((each) => valueOf(each, captures));
  return values.some((value) => found.some((each) => isEqualValue(value, each)));
}

const valueOf = (operand: Operand, captures: Captures): Constant | undefined =>
  'constant' in operand ? operand.constant : captures.get(operand.capture);

/** Names of the claims that the condition reads. */
export function* claimNamesOf(condition: Condition): Generator<string> {
  if ('of' in condition) for (const each of condition.of) yield* claimNamesOf(each);
  else yield condition.path[0];
}

/** Names the parts of a condition that are not fulfilled, in words; values of claims are not among them. */
export function unfulfilledIn(condition: Condition, claims: Claims, captures: Captures): string {
  if ('of' in condition) {
    const failed = condition.of.filter((each) => !isFulfilled(each, claims, captures));
    const words = failed.map((each) => unfulfilledIn(each, claims, captures));
    return condition.kind === 'all' ? words.join(', and ') : `none of these holds (${words.join('; ')})`;
  }
  const { claim, kind, path, values } = condition;
  if (claimAt(claims, path) === undefined) return `the token has no claim ${claim}`;
  const wanted = values.map((each) => JSON.stringify(valueOf(each, captures)));
  const list = wanted.length === 1 ? (wanted[0] ?? '') : `one of ${wanted.join(', ')}`;
  return kind === 'equals'
    ? `the claim ${claim} is not ${list}`
    : `the claim ${claim} is no list with ${list}`;
}
