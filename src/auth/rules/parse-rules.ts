import { isJsonObject, type JsonObject, kindOf, parseJson } from '#protocol';
import { type Condition, ConditionError, parseCondition } from './condition.ts';
import { duplicateNameIn } from '../duplicate-names.ts';
import { DEFAULT_MEMBER, type MemberClaims, parseMemberClaims } from './member.ts';
import { parsePattern, type Pattern, PatternError } from './pattern.ts';
import type { Rule, RuleSet } from './rule-set.ts';

/** Most rules of a file (SPEC 15.7). */
export const MOST_RULES = 1000;

/** Reads the text of a rules file. Every problem is added, with the number of its rule, counted from 1, and its field. */
export function parseRules(text: string, problems: string[]): RuleSet | undefined {
  const given = parseJson(text);
  if (!isJsonObject(given)) {
    problems.push('expected a JSON object with rules');
    return undefined;
  }
  const twice = duplicateNameIn(text);
  if (twice !== undefined) problems.push(`expected ${JSON.stringify(twice)} once in an object`);
  const before = problems.length - (twice === undefined ? 0 : 1);
  const set: RuleSet = {
    app: appIn(given, problems),
    otherwise: otherwiseIn(given, problems),
    signIn: memberIn(given.signIn, 'signIn', problems) ?? DEFAULT_MEMBER,
    rules: rulesIn(given, problems),
  };
  problems.push(...unknownFields(given, ['app', 'otherwise', 'signIn', 'rules'], ''));
  return problems.length > before ? undefined : set;
}

function appIn({ app }: JsonObject, problems: string[]): string | undefined {
  if (app === undefined || (typeof app === 'string' && app !== '')) return app;
  problems.push('app: expected the id of an app');
  return undefined;
}

function otherwiseIn({ otherwise }: JsonObject, problems: string[]): RuleSet['otherwise'] {
  if (otherwise === undefined || otherwise === 'refuse' || otherwise === 'ask') return otherwise;
  problems.push('otherwise: expected "refuse" or "ask"');
  return undefined;
}

function rulesIn({ rules }: JsonObject, problems: string[]): readonly Rule[] {
  if (!Array.isArray(rules) || rules.length > MOST_RULES) {
    problems.push(`rules: expected a list of at most ${MOST_RULES} rules`);
    return [];
  }
  return rules.flatMap((given: unknown, at) => ruleIn(given, `rule ${at + 1}`, problems) ?? []);
}

function ruleIn(given: unknown, place: string, problems: string[]): Rule | undefined {
  if (!isJsonObject(given)) {
    problems.push(`${place}: expected an object with channel and allow`);
    return undefined;
  }
  problems.push(...unknownFields(given, ['channel', 'allow', 'member', 'note'], `${place}, `));
  const pattern = patternIn(given.channel, `${place}, channel`, problems);
  if (pattern === undefined) return undefined;
  const allow = allowIn(given.allow, pattern, `${place}, allow`, problems);
  const member = memberIn(given.member, `${place}, member`, problems);
  if (given.member !== undefined && !kindOf(pattern.text).members)
    problems.push(`${place}, member: expected a presence- channel, the others have no members`);
  return allow === undefined ? undefined : { pattern, allow, member };
}

function patternIn(given: unknown, place: string, problems: string[]): Pattern | undefined {
  if (typeof given !== 'string') {
    problems.push(`${place}: expected a pattern such as private-orders.{order}`);
    return undefined;
  }
  try {
    return parsePattern(given);
  } catch (error) {
    if (!(error instanceof PatternError)) throw error;
    problems.push(`${place}: ${error.message}`);
    return undefined;
  }
}

function allowIn(
  given: unknown,
  { names }: Pattern,
  place: string,
  problems: string[],
): boolean | Condition | undefined {
  if (typeof given === 'boolean') return given;
  try {
    return parseCondition(given, names, place);
  } catch (error) {
    if (!(error instanceof ConditionError)) throw error;
    problems.push(error.message);
    return undefined;
  }
}

function memberIn(given: unknown, place: string, problems: string[]): MemberClaims | undefined {
  if (given === undefined) return undefined;
  const member = parseMemberClaims(given);
  if (typeof member !== 'string') return member;
  problems.push(`${place}: expected ${member}`);
  return undefined;
}

const unknownFields = (given: JsonObject, known: readonly string[], place: string): string[] =>
  Object.keys(given)
    .filter((name) => !known.includes(name))
    .map((name) => `${place}${JSON.stringify(name.slice(0, 100))}: expected one of ${known.join(', ')}`);
