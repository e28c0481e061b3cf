import { type Algorithm, ALGORITHMS } from '../../auth/tokens/algorithms.ts';
import { parseUrl } from '../../core/util/url.ts';
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
