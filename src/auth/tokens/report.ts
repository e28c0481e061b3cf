import type { App } from '../../core/app.ts';
import type { Claims } from '../rules/claims.ts';
import { type ExplainedRule, explainRules, reasonOf } from '../rules/explain.ts';
import type { RuleSet } from '../rules/rule-set.ts';
import type { Tokens } from './token-rights.ts';

/** Decision about one channel, and how it came about. */
interface ChannelReport {
  readonly channel: string;
  /** Answer to a subscription of a socket that is signed in by the token. */
  readonly onSocket: 'allowed' | 'refused';
  /** Answer to a request with the token as its bearer token; `ask`: the app decides. */
  readonly atGateway: 'allowed' | 'refused' | 'ask';
  /** Rule that decided, counted from 1. */
  readonly rule: number | undefined;
  readonly why: string;
  readonly channelData: string | undefined;
  readonly rules: readonly ExplainedRule[];
}

/** Everything that a token may do (SPEC 15). Has no part of the token, and only those claims that members and users are made of. */
export interface RightsReport {
  readonly app: string;
  /** The `user_data` of a sign-in; `undefined`: the token has no usable id. */
  readonly userData: string | undefined;
  /** `undefined`: the right has no end. */
  readonly expiresAt: string | undefined;
  readonly channels: readonly ChannelReport[];
}

interface Verified {
  readonly claims: Claims;
  readonly expiresAtMs: number | undefined;
}

/** Asks the same code as the server does. */
export const reportRights = (
  { tokens, rules, app }: { readonly tokens: Tokens; readonly rules: RuleSet; readonly app: App },
  { claims, expiresAtMs }: Verified,
  channels: readonly string[],
): RightsReport => {
  const userData = tokens.userDataOf(app, claims);
  return {
    app: app.id,
    userData,
    expiresAt: expiresAtMs === undefined ? undefined : new Date(expiresAtMs).toISOString(),
    channels: channels.map((channel) => {
      const decision = tokens.decideChannel(app, claims, channel);
      const answer = tokens.gatewayAnswer(decision, channel);
      const index = decision.outcome === 'uncovered' ? undefined : decision.index;
      return {
        channel,
        onSocket: decision.outcome === 'allowed' && userData !== undefined ? 'allowed' : 'refused',
        atGateway: answer === 'allow' ? 'allowed' : answer === 'ask' ? 'ask' : 'refused',
        rule: index === undefined ? undefined : index + 1,
        why: reasonOf(decision),
        channelData: decision.outcome === 'allowed' ? decision.channelData : undefined,
        rules: explainRules(rules, decision, claims, channel),
      };
    }),
  };
};
