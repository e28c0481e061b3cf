import { kindOf } from '#protocol';
import { type Claims } from './claims.ts';
import { claimNamesOf, type Condition, isFulfilled } from './condition.ts';
import { channelDataOf, memberClaimNames, type MemberClaims } from './member.ts';
import type { Captures, Pattern } from './pattern.ts';

/** One rule (SPEC 15.4). */
export interface Rule {
  readonly pattern: Pattern;
  readonly allow: boolean | Condition;
  /** `undefined`: as for a sign-in. */
  readonly member: MemberClaims | undefined;
}

/** The rules of one app, in their order. */
export interface RuleSet {
  /** Id of the app that the tokens are for; `undefined`: the only one. */
  readonly app: string | undefined;
  /** Answer for a channel that no rule covers; `undefined`: `ask` where there is someone to ask. */
  readonly otherwise: 'refuse' | 'ask' | undefined;
  readonly signIn: MemberClaims;
  readonly rules: readonly Rule[];
}

/** Reason for which a channel is refused by the rules. */
export type RuleRefusal = 'no_rule' | 'rule_refuses' | 'condition' | 'member';

/** Decision of the rules. `index`: place of the rule that decided. */
export type RuleDecision =
  | { readonly outcome: 'allowed'; readonly index: number; readonly channelData: string | undefined }
  | { readonly outcome: 'refused'; readonly index: number | undefined; readonly reason: RuleRefusal }
  | { readonly outcome: 'uncovered' };

/** SPEC 15.4: the first rule whose pattern covers the channel decides. */
export function decide(set: RuleSet, claims: Claims, channel: string): RuleDecision {
  for (const [index, rule] of set.rules.entries()) {
    const captures = rule.pattern.match(channel);
    if (captures !== undefined) return decideBy(rule, set.signIn, { index, claims, captures, channel });
  }
  return { outcome: 'uncovered' };
}

function decideBy(
  { allow, member }: Rule,
  signIn: MemberClaims,
  {
    index,
    claims,
    captures,
    channel,
  }: { index: number; claims: Claims; captures: Captures; channel: string },
): RuleDecision {
  if (allow === false) return { outcome: 'refused', index, reason: 'rule_refuses' };
  if (allow !== true && !isFulfilled(allow, claims, captures))
    return { outcome: 'refused', index, reason: 'condition' };
  if (!kindOf(channel).members) return { outcome: 'allowed', index, channelData: undefined };
  const channelData = channelDataOf(member ?? signIn, claims);
  if (channelData === undefined) return { outcome: 'refused', index, reason: 'member' };
  return { outcome: 'allowed', index, channelData };
}

/** Names of all claims that the rules read: no other one needs to be kept. */
export function claimNamesIn({ rules, signIn }: RuleSet): ReadonlySet<string> {
  const names = new Set(memberClaimNames(signIn));
  for (const { allow, member } of rules) {
    if (typeof allow !== 'boolean') for (const name of claimNamesOf(allow)) names.add(name);
    if (member !== undefined) for (const name of memberClaimNames(member)) names.add(name);
  }
  return names;
}
