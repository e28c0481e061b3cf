import type { ChannelDecision } from '../tokens/token-rights.ts';
import type { Claims } from './claims.ts';
import { unfulfilledIn } from './condition.ts';
import type { RuleRefusal, RuleSet } from './rule-set.ts';

/** A rule and its part in a decision. */
export interface ExplainedRule {
  /** Counted from 1, as in the errors of the file. */
  readonly rule: number;
  readonly pattern: string;
  readonly why: string;
}

const WORDS: Readonly<Record<RuleRefusal | 'channel_name', string>> = {
  no_rule: 'no rule covers this name',
  rule_refuses: 'the rule refuses it',
  condition: 'the claims do not fulfil it',
  member: 'the token has no usable id for a member',
  channel_name: 'it is not the name of a signed channel',
};

/** Reason of a decision, in words without values of claims. */
export function reasonOf(decision: ChannelDecision): string {
  if (decision.outcome === 'uncovered') return WORDS.no_rule;
  return decision.outcome === 'allowed' ? 'the claims fulfil it' : WORDS[decision.reason];
}

/** SPEC 15.4: why each rule decided about the channel, or did not. */
export function explainRules(
  { rules }: RuleSet,
  decision: ChannelDecision,
  claims: Claims,
  channel: string,
): readonly ExplainedRule[] {
  const decidedBy = decision.outcome === 'uncovered' ? undefined : decision.index;
  return rules.map(({ pattern, allow }, index) => {
    const captures = pattern.match(channel);
    const isUnfulfilled = decision.outcome === 'refused' && decision.reason === 'condition';
    const why =
      captures === undefined
        ? 'does not cover this name'
        : index !== decidedBy
          ? 'stands behind the rule that decides'
          : isUnfulfilled && typeof allow !== 'boolean'
            ? `decides: ${unfulfilledIn(allow, claims, captures)}`
            : `decides: ${reasonOf(decision)}`;
    return { rule: index + 1, pattern: pattern.text, why };
  });
}
