import { createHmac } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { ALGORITHMS, PUBLIC_ALGORITHMS } from '../../../src/auth/tokens/algorithms.ts';
import { TOKEN_FAULTS, type TokenFault } from '../../../src/auth/tokens/faults.ts';
import {
  CLAIMS,
  ecKeys,
  edKeys,
  forge,
  issue,
  NOW_SECONDS,
  openTestTokens,
  part,
  rsaKeys,
  SECRET,
  type TokenChanges,
} from './issuer.ts';

const HS = { alg: 'HS256', typ: 'JWT' };
const good = forge(HS);
const [header = '', claims = '', signature = ''] = good.split('.');
const rsa = rsaKeys();
const foreign = rsaKeys();
const ec = ecKeys();
const ed = edKeys();
const pem = rsa.publicKey.export({ type: 'spki', format: 'pem' });
const PUBLIC: TokenChanges = {
  keys: { kind: 'public', keys: [rsa.publicKey, ec.publicKey, ed.publicKey] },
  checks: { algorithms: PUBLIC_ALGORITHMS },
};
const withClaims = (more: object): string => forge(HS, { ...CLAIMS, ...more });
const withHeader = (more: object): string => forge({ ...HS, ...more });
const without = (name: string): string =>
  forge(HS, Object.fromEntries(Object.entries(CLAIMS).filter(([key]) => key !== name)));

interface Forgery {
  readonly rule: string;
  readonly title: string;
  readonly token: string | Promise<string>;
  readonly fault: TokenFault;
  readonly changes?: TokenChanges;
}
const forgery = (
  rule: string,
  title: string,
  token: string | Promise<string>,
  fault: TokenFault,
  changes: TokenChanges = {},
): Forgery => ({ rule, title, token, fault, changes });

const ALL: readonly Forgery[] = [
  forgery('15.1', 'no signature, alg none', `${part({ alg: 'none' })}.${claims}.`, 'unsigned'),
  forgery('15.1', 'alg none with a signature', withHeader({ alg: 'none' }), 'unsigned'),
  forgery('15.1', 'alg nOnE', withHeader({ alg: 'nOnE' }), 'unsigned'),
  forgery('15.1', 'the signature left out', `${header}.${claims}.`, 'signature'),
  forgery('15.1', 'no alg', forge({ typ: 'JWT' }), 'algorithm'),
  forgery('15.1', 'alg that is a list', withHeader({ alg: ['HS256'] }), 'algorithm'),
  forgery('15.1', 'alg in other letters', withHeader({ alg: 'hs256' }), 'algorithm'),
  forgery('15.1', 'alg __proto__', withHeader({ alg: '__proto__' }), 'algorithm'),
  forgery('15.1', 'alg of public keys where secrets are set', withHeader({ alg: 'RS256' }), 'algorithm'),
  forgery('15.1', 'an algorithm that the settings leave out', withHeader({ alg: 'HS384' }), 'algorithm', {
    checks: { algorithms: ['HS256'] },
  }),
  forgery(
    '15.1',
    'HS256 with the PEM of the public key as its secret',
    forge(HS, CLAIMS, pem),
    'algorithm',
    PUBLIC,
  ),
  forgery(
    '15.1',
    'HS256 with the DER of the public key as its secret',
    forge(HS, CLAIMS, rsa.publicKey.export({ type: 'spki', format: 'der' })),
    'algorithm',
    PUBLIC,
  ),
  forgery('15.1', 'HS256 allowed beside public keys all the same', forge(HS, CLAIMS, pem), 'unknown_key', {
    ...PUBLIC,
    checks: { algorithms: ALGORITHMS },
  }),
  forgery(
    '15.1',
    'another RSA key',
    issue(CLAIMS, foreign.privateKey, { alg: 'RS256' }),
    'signature',
    PUBLIC,
  ),
  forgery(
    '15.1',
    'another key on the same curve',
    issue(CLAIMS, ecKeys().privateKey, { alg: 'ES256' }),
    'signature',
    PUBLIC,
  ),
  forgery(
    '15.1',
    'another Ed25519 key',
    issue(CLAIMS, edKeys().privateKey, { alg: 'EdDSA' }),
    'signature',
    PUBLIC,
  ),
  forgery(
    '15.1',
    'ES256 with r and s of zero',
    `${part({ alg: 'ES256' })}.${claims}.${Buffer.alloc(64).toString('base64url')}`,
    'signature',
    PUBLIC,
  ),
  forgery(
    '15.1',
    'ES384, for whose curve there is no key',
    `${part({ alg: 'ES384' })}.${claims}.${signature}`,
    'unknown_key',
    PUBLIC,
  ),
  forgery('15.1', 'another secret', forge(HS, CLAIMS, 'another secret'), 'signature'),
  forgery('15.1', 'an empty secret', forge(HS, CLAIMS, ''), 'signature'),
  forgery(
    '15.1',
    'other claims under the signature',
    `${header}.${part({ ...CLAIMS, sub: '1' })}.${signature}`,
    'signature',
  ),
  forgery(
    '15.1',
    'another header under the signature',
    `${part({ ...HS, kid: 'x' })}.${claims}.${signature}`,
    'signature',
  ),
  forgery(
    '15.1',
    'a signature of SHA-512 that says HS256',
    `${header}.${claims}.${createHmac('sha512', SECRET).update(`${header}.${claims}`).digest('base64url')}`,
    'signature',
  ),
  forgery('15.1', 'half of the signature', `${header}.${claims}.${signature.slice(0, 21)}`, 'signature'),
  forgery(
    '15.1',
    'a signature in hex',
    `${header}.${claims}.${Buffer.from(signature, 'base64url').toString('hex')}`,
    'signature',
  ),
  forgery('15.1', 'an embedded key', withHeader({ jwk: { kty: 'oct', k: part(SECRET) } }), 'embedded_key'),
  forgery('15.1', 'the address of keys', withHeader({ jku: 'https://evil.example/keys' }), 'embedded_key'),
  forgery(
    '15.1',
    'the address of a certificate',
    withHeader({ x5u: 'https://evil.example/cert' }),
    'embedded_key',
  ),
  forgery('15.1', 'an embedded certificate', withHeader({ x5c: ['MIIB'] }), 'embedded_key'),
  forgery('15.1', 'crit', withHeader({ crit: ['exp'] }), 'critical_header'),
  forgery('15.1', 'an empty crit', withHeader({ crit: [] }), 'critical_header'),
  forgery('15.1', 'b64', withHeader({ b64: false }), 'critical_header'),
  forgery('15.1', 'enc', withHeader({ enc: 'A256GCM' }), 'encrypted'),
  forgery('15.1', 'zip', withHeader({ zip: 'DEF' }), 'encrypted'),
  forgery('15.1', 'an encrypted token of five parts', `${header}.a.b.c.d`, 'malformed'),
  forgery('15.1', 'the token of a sign-out', withHeader({ typ: 'logout+jwt' }), 'type'),
  forgery('15.1', 'a typ that is a list', withHeader({ typ: ['JWT'] }), 'type'),
  forgery('15.1', 'an empty kid', withHeader({ kid: '' }), 'key_id'),
  forgery('15.1', 'a kid of 257 characters', withHeader({ kid: 'k'.repeat(257) }), 'key_id'),
  forgery('15.1', 'a kid that is an object', withHeader({ kid: { a: 1 } }), 'key_id'),
  forgery('15.1', 'alg twice', forge('{"alg":"none","alg":"HS256"}'), 'duplicate_name'),
  forgery(
    '15.1',
    'alg twice, once with an escape',
    forge('{"alg":"HS256","\\u0061lg":"HS256"}'),
    'duplicate_name',
  ),
  forgery('15.1', 'sub twice', forge(HS, `{"sub":"1","exp":${CLAIMS.exp},"sub":"7"}`), 'duplicate_name'),
  forgery(
    '15.1',
    'a name twice inside a claim',
    forge(HS, `{"exp":${CLAIMS.exp},"t":[{"id":1,"id":2}]}`),
    'duplicate_name',
  ),
  forgery('15.1', 'nothing', '', 'malformed'),
  forgery('15.1', 'one part', header, 'malformed'),
  forgery('15.1', 'two parts', `${header}.${claims}`, 'malformed'),
  forgery('15.1', 'four parts', `${good}.a`, 'malformed'),
  forgery('15.1', 'a line break at the end', `${good}\n`, 'malformed'),
  forgery('15.1', 'base64 in place of base64url', `${header}.${claims}.+/+/`, 'malformed'),
  forgery('15.1', 'padding', `${header}==.${claims}.${signature}`, 'malformed'),
  forgery('15.1', 'a header that is no JSON', forge('alg'), 'malformed'),
  forgery('15.1', 'a header that is a list', forge([HS]), 'malformed'),
  forgery('15.1', 'a header that is null', forge('null'), 'malformed'),
  forgery('15.1', 'a header with a byte order mark', forge(`\uFEFF${JSON.stringify(HS)}`), 'malformed'),
  forgery('15.1', 'claims that are no JSON', forge(HS, 'claims'), 'malformed'),
  forgery('15.1', 'claims that are a list', forge(HS, [CLAIMS]), 'malformed'),
  forgery('15.1', 'claims that are a text', forge(HS, '"7"'), 'malformed'),
  forgery('15.2', 'no exp', without('exp'), 'no_expiry'),
  forgery('15.2', 'exp in the past', withClaims({ exp: NOW_SECONDS - 6 }), 'expired'),
  forgery('15.2', 'exp before 1970', withClaims({ exp: -1 }), 'expired'),
  forgery('15.2', 'exp of 0', withClaims({ exp: 0 }), 'expired'),
  forgery('15.2', 'exp that is null', withClaims({ exp: null }), 'invalid_time'),
  forgery('15.2', 'exp that is a text', withClaims({ exp: String(CLAIMS.exp) }), 'invalid_time'),
  forgery('15.2', 'exp that is a list', withClaims({ exp: [CLAIMS.exp] }), 'invalid_time'),
  forgery('15.2', 'exp without an end', forge(HS, '{"sub":"7","exp":1e999}'), 'invalid_time'),
  forgery('15.2', 'exp in milliseconds', withClaims({ exp: CLAIMS.exp * 1000 }), 'invalid_time'),
  forgery('15.2', 'exp in two years', withClaims({ exp: NOW_SECONDS + 2 * 365 * 86_400 }), 'expiry_too_far'),
  forgery('15.2', 'nbf in the future', withClaims({ nbf: NOW_SECONDS + 6 }), 'not_yet_valid'),
  forgery('15.2', 'nbf that is a text', withClaims({ nbf: 'now' }), 'invalid_time'),
  forgery('15.2', 'iat in the future', withClaims({ iat: NOW_SECONDS + 6 }), 'issued_in_future'),
  forgery('15.2', 'another issuer', withClaims({ iss: 'https://evil.example' }), 'issuer', {
    checks: { issuers: ['a', 'b'] },
  }),
  forgery('15.2', 'a list with the issuer', withClaims({ iss: ['a'] }), 'issuer', {
    checks: { issuers: ['a'] },
  }),
  forgery('15.2', 'no issuer', good, 'issuer', { checks: { issuers: ['a'] } }),
  forgery('15.2', 'another audience', withClaims({ aud: 'x' }), 'audience', { checks: { audiences: ['a'] } }),
  forgery('15.2', 'a list without the audience', withClaims({ aud: ['x', 'ab'] }), 'audience', {
    checks: { audiences: ['a'] },
  }),
  forgery('15.2', 'no audience', good, 'audience', { checks: { audiences: ['a'] } }),
  forgery('15.7', '8193 characters', withClaims({ more: 'x'.repeat(8000) }), 'too_long'),
];

describe('forgeries', () => {
  test.each(ALL)('$rule $title: refused as $fault', async ({ token, fault, changes }) => {
    const { faultOf, verifier } = openTestTokens(changes);
    expect(await faultOf(await token)).toBe(fault);
    expect([...verifier.results.entries()]).toEqual([[fault, 1]]);
  });

  test('15.1 every fault but missing keys has a forgery', () => {
    const named = new Set(ALL.map(({ fault }) => fault));
    expect(Object.keys(TOKEN_FAULTS).filter((fault) => !named.has(fault as TokenFault))).toEqual([
      'keys_unavailable',
    ]);
  });

  test('15.1 no message of a refusal has a part of the token', async () => {
    const marked = forge({ ...HS, crit: ['marked-header'] }, { sub: 'marked-claim' });
    const error: unknown = await openTestTokens()
      .verifier.verify(marked)
      .catch((thrown: unknown) => thrown);
    expect(JSON.stringify([error, String(error), (error as Error).stack])).not.toMatch(/marked|eyJ/);
  });
});

describe('tokens that are accepted', () => {
  const ec384 = ecKeys('P-384');
  const ec521 = ecKeys('P-521');
  const signers = [
    ...['HS256', 'HS384', 'HS512'].map((alg) => [alg, Buffer.from(SECRET), undefined] as const),
    ...['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'].map(
      (alg) => [alg, rsa.privateKey, rsa.publicKey] as const,
    ),
    ['ES256', ec.privateKey, ec.publicKey] as const,
    ['ES384', ec384.privateKey, ec384.publicKey] as const,
    ['ES512', ec521.privateKey, ec521.publicKey] as const,
    ['EdDSA', ed.privateKey, ed.publicKey] as const,
    ['Ed25519', ed.privateKey, ed.publicKey] as const,
  ];

  test('15.1 every algorithm is tried', () => {
    expect(signers.map(([alg]) => alg)).toEqual(ALGORITHMS);
  });

  test.each(signers)('15.1 %s by its own kind of key', async (alg, signer, publicKey) => {
    const changes: TokenChanges = publicKey
      ? {
          keys: { kind: 'public', keys: [foreign.publicKey, publicKey] },
          checks: { algorithms: PUBLIC_ALGORITHMS },
        }
      : {};
    const { verifier } = openTestTokens(changes);
    const { claims: found } = await verifier.verify(await issue(CLAIMS, signer, { alg }));
    expect(found).toEqual(CLAIMS);
  });

  test.each(['JWT', 'jwt', 'at+jwt', 'application/at+JWT', undefined])('15.1 typ %s', async (typ) => {
    expect(await openTestTokens().faultOf(forge({ alg: 'HS256', ...(typ && { typ }) }))).toBe('valid');
  });

  test.each([
    ['exp 4 s ago', { exp: NOW_SECONDS - 4 }],
    ['nbf in 5 s', { nbf: NOW_SECONDS + 5 }],
    ['iat in 5 s', { iat: NOW_SECONDS + 5 }],
    ['exp in a year and a day, to the second', { exp: NOW_SECONDS + 366 * 24 * 3600 }],
    ['a fraction of a second', { exp: NOW_SECONDS + 0.5 }],
  ])('15.2 %s', async (_, more) => {
    expect(await openTestTokens().faultOf(withClaims(more))).toBe('valid');
  });

  test('15.2 a second more than the longest life is refused; without a limit it is accepted', async () => {
    const token = withClaims({ exp: NOW_SECONDS + 366 * 24 * 3600 + 1 });
    expect(await openTestTokens().faultOf(token)).toBe('expiry_too_far');
    expect(await openTestTokens({ checks: { maxLifetimeSeconds: 0 } }).faultOf(token)).toBe('valid');
  });

  test('15.2 no exp, where it is not required', async () => {
    const { verifier } = openTestTokens({ checks: { requiresExpiry: false } });
    expect(await verifier.verify(without('exp'))).toMatchObject({ expiresAtMs: undefined });
  });

  test('15.2 one of several issuers and audiences', async () => {
    const checks = { issuers: ['a', 'b'], audiences: ['c', 'd'] };
    const { faultOf } = openTestTokens({ checks });
    expect(await faultOf(withClaims({ iss: 'b', aud: 'd' }))).toBe('valid');
    expect(await faultOf(withClaims({ iss: 'a', aud: ['x', 'c'] }))).toBe('valid');
  });

  test('15.1 a kid of 256 characters, which means nothing to secrets', async () => {
    expect(await openTestTokens().faultOf(withHeader({ kid: 'k'.repeat(256) }))).toBe('valid');
  });

  test('15.7 8192 characters', async () => {
    const most = good.length;
    expect(await openTestTokens({ checks: { maxCharacters: most } }).faultOf(good)).toBe('valid');
    expect(await openTestTokens({ checks: { maxCharacters: most - 1 } }).faultOf(good)).toBe('too_long');
  });

  test('15.3 each of several secrets is accepted, so that one can be changed', async () => {
    const secrets = ['a new secret, which signs from now on', SECRET].map((text) => Buffer.from(text));
    const { faultOf } = openTestTokens({ keys: { kind: 'secrets', secrets } });
    for (const secret of secrets) expect(await faultOf(forge(HS, CLAIMS, secret))).toBe('valid');
    expect(await faultOf(forge(HS, CLAIMS, 'one that was removed'))).toBe('signature');
  });
});
