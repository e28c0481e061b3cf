import {
  boolean,
  integer,
  limit,
  list,
  oneOf,
  optionalText,
  secret,
  type SettingType,
  setting,
} from '../../settings/settings.ts';
import type { Values } from '../../settings/settings.ts';
import { type Algorithm, ALGORITHMS } from '../../auth/tokens/algorithms.ts';
import type { TokenChecks, TokenOptions } from '../../auth/tokens/options.ts';
import type { RuleSet } from '../../auth/rules/rule-set.ts';
import { parseUrl } from '../../core/util/url.ts';
import { keyOptions } from './token-keys.ts';
import { readRules } from './channel-rules.ts';

const algorithms: SettingType<readonly Algorithm[]> = {
  expected: `some of ${ALGORITHMS.join(', ')}, separated by commas`,
  parse(given) {
    const names = list.parse(given) ?? [];
    const known = names.flatMap((name) => ALGORITHMS.find((each) => each === name) ?? []);
    return known.length === names.length ? known : undefined;
  },
};

const keySetUrl: SettingType<URL | undefined> = {
  expected: 'an http:// or https:// address without name and password',
  parse(given) {
    const url = parseUrl(given);
    const isPlain = url !== undefined && url.username === '' && url.password === '';
    return isPlain && /^https?:$/.test(url.protocol) ? url : undefined;
  },
};

/** Settings of tokens and channel rules (SPEC 15). */
export const TOKEN_SETTINGS = {
  jwtSecret: setting(
    'WAVEHALL_JWT_SECRET',
    secret,
    '',
    'Secret of HS tokens, at least 32 bytes, also as base64:…; several separated by commas are all accepted.',
  ),
  jwtPublicKey: setting(
    'WAVEHALL_JWT_PUBLIC_KEY',
    optionalText,
    '',
    'Public key of RS, PS, ES or EdDSA tokens: PEM, or the file that has it; several in one file are all accepted.',
  ),
  jwtKeySetUrl: setting(
    'WAVEHALL_JWT_JWKS_URL',
    keySetUrl,
    '',
    'URL of a JSON Web Key Set with the public keys of tokens.',
  ),
  jwtAlgorithms: setting(
    'WAVEHALL_JWT_ALGORITHMS',
    algorithms,
    '',
    'Algorithms that tokens may be signed by; empty: all that the kind of key allows.',
  ),
  jwtIssuer: setting(
    'WAVEHALL_JWT_ISSUER',
    list,
    '',
    'Accepted iss of tokens, separated by commas; empty: any.',
  ),
  jwtAudience: setting(
    'WAVEHALL_JWT_AUDIENCE',
    list,
    '',
    'Accepted aud of tokens, separated by commas; empty: any.',
  ),
  jwtToleranceSeconds: setting(
    'WAVEHALL_JWT_CLOCK_TOLERANCE',
    integer(0, 300),
    5,
    'Seconds by which the clock of the issuer may differ.',
  ),
  jwtRequireExpiry: setting('WAVEHALL_JWT_REQUIRE_EXPIRY', boolean, true, 'Refuse tokens without exp.'),
  jwtMaxLifetimeSeconds: setting(
    'WAVEHALL_JWT_MAX_LIFETIME',
    limit,
    366 * 24 * 3600,
    'Seconds that the exp of a token may be away; 0: no limit.',
  ),
  jwtMaxSize: setting(
    'WAVEHALL_JWT_MAX_SIZE',
    integer(256, 64 * 1024),
    8192,
    'Characters of a token; a longer one is refused unread.',
  ),
  jwtKeySetTimeoutMs: setting(
    'WAVEHALL_JWT_JWKS_TIMEOUT_MS',
    integer(100, 60_000),
    3000,
    'Milliseconds that the server of the key set has to answer.',
  ),
  jwtKeySetCooldownSeconds: setting(
    'WAVEHALL_JWT_JWKS_COOLDOWN',
    integer(1, 3600),
    30,
    'Least seconds between two fetches of the key set, whatever tokens name.',
  ),
  jwtKeySetMaxAgeSeconds: setting(
    'WAVEHALL_JWT_JWKS_MAX_AGE',
    integer(1, 86_400),
    600,
    'Seconds after which the key set is fetched again.',
  ),
  jwtExpiry: setting(
    'WAVEHALL_JWT_EXPIRY',
    oneOf('resubscribe', 'close'),
    'resubscribe',
    'When the token of a sign-in expires. resubscribe: no further channel is allowed; close: the client is closed, so that it signs in anew.',
  ),
  channelRules: setting(
    'WAVEHALL_CHANNEL_RULES',
    optionalText,
    '',
    'JSON file with the rules that decide which channels the owner of a token may enter.',
  ),
} as const;

type TokenValues = Values<typeof TOKEN_SETTINGS>;

/** Facts of the configuration that the tokens need. */
interface TokenContext {
  readonly appIds: readonly string[];
  /** True when the gateway has an app to ask. */
  hasUpstream(): boolean;
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
