import type { RuleSet } from '../../auth/rules/rule-set.ts';
import type { Algorithm } from '../../auth/tokens/algorithms.ts';
import type { TokenChecks, TokenOptions } from '../../auth/tokens/options.ts';
import type { Values } from '../../settings/settings.ts';
import { readRules } from './channel-rules.ts';
import { keyOptions } from './token-keys.ts';
import { TOKEN_SETTINGS } from './token-settings.ts';

type TokenValues = Values<typeof TOKEN_SETTINGS>;

/** Facts of the configuration that the tokens need. */
interface TokenContext {
  readonly appIds: readonly string[];
  /** True when the gateway has an app to ask. */
  readonly hasUpstream: () => boolean;
}

/** Options of tokens; `undefined` if no key and no rules are set. Problems are added to `problems`. */
export function tokenOptions(
  values: TokenValues,
  context: TokenContext,
  problems: string[],
): TokenOptions | undefined {
  const found = keyOptions(values, problems);
  if (found === undefined) {
    if (values.channelRules !== undefined && problems.length === 0)
      problems.push(`${RULES}: expected a key of tokens too (${KEY_NAMES})`);
    return undefined;
  }
  if (values.channelRules === undefined) {
    problems.push(`${RULES}: expected a file of rules: without rules, tokens give no right`);
    return undefined;
  }
  const rules = readRules(RULES, values.channelRules, problems);
  if (rules === undefined) return undefined;
  problems.push(...unfitting(rules, context));
  return {
    ...found,
    checks: checksOf(values, found.algorithms),
    rules,
    app: rules.app ?? context.appIds[0] ?? '',
    asksOtherwise: rules.otherwise !== 'refuse' && context.hasUpstream(),
    closesExpired: values.jwtExpiry === 'close',
  };
}

const RULES = TOKEN_SETTINGS.channelRules.name;

/** Lists the parts of the rules that do not fit the rest of the configuration. */
function* unfitting({ app, otherwise }: RuleSet, { appIds, hasUpstream }: TokenContext): Generator<string> {
  if (app === undefined && appIds.length > 1)
    yield `${RULES}: app: expected the id of the app that the tokens are for, because there are several apps`;
  if (app !== undefined && !appIds.includes(app))
    yield `${RULES}: app: expected the id of a configured app, not ${JSON.stringify(app)}`;
  if (otherwise === 'ask' && !hasUpstream())
    yield `${RULES}: otherwise: "ask" needs WAVEHALL_AUTH_UPSTREAM, the app that is asked`;
}

const KEY_NAMES = [TOKEN_SETTINGS.jwtSecret, TOKEN_SETTINGS.jwtPublicKey, TOKEN_SETTINGS.jwtKeySetUrl]
  .map(({ name }) => name)
  .join(', ');

const checksOf = (values: TokenValues, allowed: readonly Algorithm[]): TokenChecks => ({
  algorithms: allowed,
  maxCharacters: values.jwtMaxSize,
  issuers: values.jwtIssuer,
  audiences: values.jwtAudience,
  toleranceSeconds: values.jwtToleranceSeconds,
  requiresExpiry: values.jwtRequireExpiry,
  maxLifetimeSeconds: values.jwtMaxLifetimeSeconds,
});

/** Settings of tokens that are set and have no effect, because tokens have no key. */
export function unusedTokenSettings(values: TokenValues, options: TokenOptions | undefined): string[] {
  if (options !== undefined) return [];
  const isSet: readonly (readonly [keyof typeof TOKEN_SETTINGS, boolean])[] = [
    ['jwtAlgorithms', values.jwtAlgorithms.length > 0],
    ['jwtIssuer', values.jwtIssuer.length > 0],
    ['jwtAudience', values.jwtAudience.length > 0],
    ['jwtExpiry', values.jwtExpiry !== 'resubscribe'],
  ];
  return isSet
    .filter(([, is]) => is)
    .map(([name]) => `${TOKEN_SETTINGS[name].name} has no effect, because tokens have no key (${KEY_NAMES})`);
}
